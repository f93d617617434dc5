package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// stdinFile is standard input among the files, read as YAML, which JSON is too.
const (
	stdinFile = "-"
	stdinName = "stdin.yaml"
)

// read reads all files and checks every document. The error names each thing that is wrong by its place.
func (c *applyCmd) read(p *process) ([]webhook.Document, error) {
	var documents []webhook.Document
	for _, file := range c.File {
		more, err := readDocuments(file, p.stdin)
		if err != nil {
			return nil, err
		}
		documents = append(documents, more...)
	}
	if len(documents) == 0 {
		return nil, fmt.Errorf("there is no webhook in %s", strings.Join(c.File, ", "))
	}
	if c.SealSecret {
		if err := c.seal(documents, p); err != nil {
			return nil, err
		}
	}
	var problems []string
	seen := map[string]string{}
	for _, d := range documents {
		problems = append(problems, d.Problems(webhook.Merge(d.Err, d.Check(webhook.Options{AllowPrivateTargets: c.AllowPrivateTargets})))...)
		if first, ok := seen[d.Webhook.Webhook]; ok && d.Webhook.Webhook != "" {
			problems = append(problems, fmt.Sprintf("%s: webhook: %.80q is already in %s", d.Place("webhook"), d.Webhook.Webhook, first))
			continue
		}
		seen[d.Webhook.Webhook] = d.Place("webhook")
	}
	if len(problems) > 0 {
		return nil, errors.New("nothing was published:\n  " + strings.Join(problems, "\n  "))
	}
	if c.Prune && !slices.ContainsFunc(c.File, isDir) {
		return nil, errors.New("--prune needs a directory: what is in no file of it is removed")
	}
	return documents, nil
}

// seal puts what standard input holds into the only document there is.
func (c *applyCmd) seal(documents []webhook.Document, p *process) error {
	if len(documents) != 1 || slices.Contains(c.File, stdinFile) {
		return errors.New("--seal-secret reads the secret of one webhook from standard input; name one file with one webhook")
	}
	ref, err := c.sealed(documents[0].Webhook.Webhook, p)
	documents[0].Secret = ref
	return err
}

// sealed seals what standard input holds.
func (c *applyCmd) sealed(webhook string, p *process) (secret.Ref, error) {
	public, err := c.public()
	if err != nil {
		return "", err
	}
	return sealInput(p.stdin, public, webhook)
}

func isDir(file string) bool {
	info, err := os.Stat(file)
	return file != stdinFile && err == nil && info.IsDir()
}

// readDocuments reads a file, standard input, or every file of a directory in the order of their names.
func readDocuments(file string, stdin io.Reader) ([]webhook.Document, error) {
	if file == stdinFile {
		b, err := io.ReadAll(io.LimitReader(stdin, webhook.MaxFile+1))
		if err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		return webhook.ParseDocuments(stdinName, b), nil
	}
	if !isDir(file) {
		return readFile(file)
	}
	var documents []webhook.Document
	err := filepath.WalkDir(file, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != file && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		case isDir(path):
			return fmt.Errorf("%s: is a link to a directory; name that directory with an -f of its own", path)
		case !slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(path))):
			return nil
		}
		more, err := readFile(path)
		documents = append(documents, more...)
		return err
	})
	return documents, err
}

func readFile(file string) ([]webhook.Document, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	documents := webhook.ParseDocuments(file, b)
	if len(documents) == 0 {
		return nil, fmt.Errorf("%s: there is no webhook in it", file)
	}
	return documents, nil
}
