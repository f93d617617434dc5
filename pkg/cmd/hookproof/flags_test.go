package main

import (
	"testing"

	"github.com/alecthomas/kong"
)

// TestEveryFlagHasAVariable holds the rule that whatever a flag can say, the environment can.
func TestEveryFlagHasAVariable(t *testing.T) {
	var c cli
	parser, err := kong.New(&c, kong.Vars{"bad": ""})
	if err != nil {
		t.Fatal(err)
	}
	flags := 0
	for _, node := range append([]*kong.Node{parser.Model.Node}, parser.Model.Children...) {
		for _, f := range node.Flags {
			if f.Name == "help" {
				continue
			}
			flags++
			if len(f.Envs) == 0 {
				t.Errorf("%s --%s has no environment variable", node.Name, f.Name)
			}
			if f.Help == "" {
				t.Errorf("%s --%s has no help", node.Name, f.Name)
			}
		}
	}
	if flags < 50 {
		t.Errorf("only %d flags were looked at", flags)
	}
}
