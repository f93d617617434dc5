package main

import (
	"fmt"
	"io"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"
)

// loadSettings reads a file of settings. An environment variable comes before the file, and a flag before both.
func loadSettings(lookupEnv func(string) (string, bool)) kong.ConfigurationLoader {
	return func(r io.Reader) (kong.Resolver, error) {
		values := map[string]any{}
		if err := yaml.NewDecoder(r).Decode(&values); err != nil && err != io.EOF {
			return nil, fmt.Errorf("settings: %w", err)
		}
		return &settings{values: values, lookupEnv: lookupEnv}, nil
	}
}

type settings struct {
	values    map[string]any
	lookupEnv func(string) (string, bool)
}

// Validate refuses settings that are no flag of any subcommand: most likely they are misspelt.
func (s *settings) Validate(app *kong.Application) error {
	known := map[string]bool{}
	for _, node := range append([]*kong.Node{app.Node}, app.Children...) {
		for _, f := range node.Flags {
			known[f.Name] = true
		}
	}
	for name := range s.values {
		if !known[name] {
			return fmt.Errorf("settings: %q is not the name of a flag", name)
		}
	}
	return nil
}

// Resolve returns the file's value for a flag, or nil.
func (s *settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if v, ok := s.lookupEnv(name); ok && v != "" {
			return nil, nil
		}
	}
	if list, ok := s.values[flag.Name].([]any); ok {
		return list, nil
	}
	v, ok := s.values[flag.Name]
	if !ok {
		return nil, nil
	}
	return fmt.Sprint(v), nil
}
