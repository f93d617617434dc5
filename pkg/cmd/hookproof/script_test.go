package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"hookproof": main, "netns": netns})
}

// tests are all tests; after them nothing is left of what they have built.
type tests struct{ *testing.M }

func (t tests) Run() int {
	code := t.M.Run()
	if dir, err := buildDir(); err == nil {
		_ = os.RemoveAll(dir)
	}
	return code
}

// buildDir makes a directory for the programs that tests build, once.
var buildDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "hookproof-test") })

// TestScripts runs testdata/script: the command line as a user types it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			compat, err := filepath.Abs(compatDir)
			e.Setenv("COMPAT", compat)
			return err
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"freeports":  freePorts,
			"waitready":  waitReady,
			"waitlines":  waitLines,
			"eventually": eventually,
			"loadstore":  loadStore,
		},
	})
}

// freePorts sets each variable to a loopback address that is free now.
func freePorts(ts *testscript.TestScript, _ bool, names []string) {
	for _, name := range names {
		address, err := nextAddress()
		ts.Check(err)
		ts.Setenv(name, address)
	}
}

// waitReady waits until an admin listener answers /readyz with 200.
func waitReady(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		res, err := http.Get("http://" + args[0] + "/readyz")
		if err != nil {
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return
		}
	}
	ts.Fatalf("%s was not ready after 30 s", args[0])
}

// waitLines waits until a file that a background command writes holds each of the texts.
func waitLines(ts *testscript.TestScript, _ bool, args []string) {
	var have string
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		b, _ := os.ReadFile(ts.MkAbs(args[0]))
		have = string(b)
		missing := false
		for _, text := range args[1:] {
			missing = missing || !strings.Contains(have, text)
		}
		if !missing {
			return
		}
	}
	ts.Fatalf("%s never held all of %q:\n%s", args[0], args[1:], have)
}

// eventually runs a command until it succeeds and its output holds a text.
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if ts.Exec(args[1], args[2:]...) == nil && strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
	}
	ts.Fatalf("%q never printed %q; last:\n%s", args[1:], args[0], ts.ReadFile("stdout"))
}
