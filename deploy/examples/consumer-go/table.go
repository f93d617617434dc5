package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// table is a directory that stands for a database table with a primary key. A row is a file whose name is its key, so that
// the effect and the memory of it are one thing, stored in one step. In SQL that is one transaction:
//
//	INSERT INTO events (key, ...) VALUES ($1, ...) ON CONFLICT DO NOTHING;  -- no row inserted: it was done before
//	UPDATE ...;                                                            -- what the event asks for
//
// Several processes may use one table.
type table struct{ dir string }

// keys are those of hookproof: 22 characters of base64url, or a UUID.
var keys = regexp.MustCompile(`^[A-Za-z0-9_-]{22,36}$`)

func openTable(dir string) (*table, error) {
	return &table{dir}, os.MkdirAll(filepath.Join(dir, "tmp"), 0o700)
}

// insert stores a row that survives a crash, and reports whether it is new. A key that is there already changes nothing.
func (t *table) insert(key string, row []byte) (bool, error) {
	if !keys.MatchString(key) {
		return false, fmt.Errorf("%w: key %.40q", errNever, key)
	}
	f, err := os.CreateTemp(filepath.Join(t.dir, "tmp"), "")
	if err != nil {
		return false, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err = f.Write(row); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return false, err
	}
	err = os.Link(f.Name(), filepath.Join(t.dir, key)) // fails if the name is there: the file system decides who is first
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	return err == nil, t.sync() // of a row that another process is just storing too: acknowledge none that may still be lost
}

// sync makes names durable.
func (t *table) sync() error {
	dir, err := os.Open(t.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
