package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// profileSeconds is how long a CPU profile takes. A round should be longer, or the profile shows what comes after it as well.
const profileSeconds = 6

// profile begins a CPU profile of each hookproof process, where profiles are wanted, and returns what waits for them.
func (b *bench) profile() (wait func() error) {
	if b.o.profiles == "" {
		return func() error { return nil }
	}
	if err := os.MkdirAll(b.o.profiles, 0o755); err != nil {
		return func() error { return err }
	}
	var all sync.WaitGroup
	errs := make([]error, len(b.processes))
	for i, p := range b.processes {
		if p.admin == "" || p.cmd.Path != b.o.hookproof {
			continue
		}
		path := filepath.Join(b.o.profiles, strings.ReplaceAll(b.name, " ", "-")+"."+p.name)
		all.Go(func() {
			errs[i] = errors.Join(save(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", p.admin, profileSeconds), path+".cpu.pprof"),
				save("http://"+p.admin+"/debug/pprof/allocs", path+".allocs.pprof"))
		})
	}
	return func() error {
		all.Wait()
		return errors.Join(errs...)
	}
}

// save writes what an address answers to a file.
func save(url, path string) error {
	res, err := http.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, res.Body)
	return errors.Join(err, f.Close())
}
