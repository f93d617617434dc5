package route

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
)

// cacheVersion is of the format. A file of another version is not read.
const cacheVersion = 1

// cacheFile is what the cache holds. There is no secret in it, as there is none in a route.
type cacheFile struct {
	Version int                        `json:"version"`
	Saved   time.Time                  `json:"saved"`
	Routes  map[string]json.RawMessage `json:"routes"` // by webhook, as the bucket stores them
}

// readCache reads routes and when they were saved. The routes are nil when there is no file.
func readCache(path string) (map[string]Route, time.Time, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, time.Time{}, nil
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	var file cacheFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, time.Time{}, err
	}
	if file.Version != cacheVersion {
		return nil, time.Time{}, fmt.Errorf("its version is %d, want %d", file.Version, cacheVersion)
	}
	routes := make(map[string]Route, len(file.Routes))
	for webhook, value := range file.Routes {
		if routes[webhook], err = Decode(bus.Entry{Key: webhook, Value: value}); err != nil {
			return nil, time.Time{}, err
		}
	}
	return routes, file.Saved, nil
}

// writeCache replaces the file, or leaves the former one whole, also when the machine stops meanwhile.
func writeCache(path string, routes map[string]Route, now time.Time) error {
	file := cacheFile{Version: cacheVersion, Saved: now.UTC(), Routes: make(map[string]json.RawMessage, len(routes))}
	for webhook, r := range routes {
		value, err := r.Encode()
		if err != nil {
			return err
		}
		file.Routes[webhook] = value
	}
	raw, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // readable by its owner only
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(next.Name()) }() // it has its own name only if something failed
	_, err = next.Write(append(raw, '\n'))
	if err := errors.Join(err, next.Sync(), next.Close()); err != nil {
		return err
	}
	if err := os.Rename(next.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
