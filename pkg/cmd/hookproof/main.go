// Command hookproof turns webhooks, which anybody on the internet can imitate, into a stream of events that can be trusted.
//
// main.go parses and dispatches, one file a subcommand; roles.go wires the roles for the subcommands that run them. Only
// this package reads the environment.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/hookproof/hookproof/pkg/telemetry"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv)) }

// Exit codes.
const (
	exitOK      = 0
	exitFailed  = 1
	exitUsage   = 2
	exitChanges = 3 // of a dry run only, and not 2, so that a misspelt flag never passes for a change
)

// errChanges says that a dry run has found something to change, which it has printed.
var errChanges = errors.New("there are changes")

// process is what a subcommand may use of the process that it runs in.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookupEnv      func(string) (string, bool)
	log            *slog.Logger
}

// cli is the whole command line.
type cli struct {
	Config   kong.ConfigFlag `help:"Read settings from this YAML file; a setting is a flag's name." env:"HOOKPROOF_CONFIG" type:"path" placeholder:"FILE"`
	LogLevel string          `help:"Log lines of this level and above: debug, info, warn or error." env:"HOOKPROOF_LOG_LEVEL" enum:"debug,info,warn,error" default:"info"`

	All         allCmd         `cmd:"" help:"Run everything in this process, on an embedded NATS server."`
	Ingress     ingressCmd     `cmd:"" help:"Run an ingress: HTTP in, unverified.* out."`
	Verifier    verifierCmd    `cmd:"" help:"Run a verifier: unverified.* in, verified.* or rejected.* out."`
	Provisioner provisionerCmd `cmd:"" help:"Run a provisioner: config.* in, policies and routes out."`
	Setup       setupCmd       `cmd:"" help:"Make the streams, buckets and consumers on a NATS cluster."`
	Apply       applyCmd       `cmd:"" help:"Configure a webhook from a file and wait until that is done."`
	Seal        sealCmd        `cmd:"" help:"Seal a webhook's secret to the pool's key."`
	Keygen      keygenCmd      `cmd:"" help:"Make the pool's key, and print its public half."`
	NATSKeys    natsKeysCmd    `cmd:"" name:"nats-keys" help:"Make the keys of the users of a NATS server, one a role."`
	Send        sendCmd        `cmd:"" help:"Sign and send a webhook, rightly or wrongly."`
	Tail        tailCmd        `cmd:"" help:"Follow outcomes as they come."`
	Status      statusCmd      `cmd:"" help:"Show the webhooks, the streams and the backlog."`
	Explain     explainCmd     `cmd:"" help:"Tell the life of one request."`
	Redrive     redriveCmd     `cmd:"" help:"Send rejected or parked events through the verifier again."`
	Sim         simCmd         `cmd:"" help:"Simulate Genesys Cloud, to try things without an account."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

const about = `hookproof turns webhooks into events that can be trusted.

Try it:

  WEBHOOK_SECRET=... ALLOWED_IPS=127.0.0.1 hookproof all
  hookproof send
  hookproof tail verified`

// run parses args and runs the subcommand that they name until it is done or a signal ends it.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer, lookupEnv func(string) (string, bool)) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &process{stdin: stdin, stdout: stdout, stderr: stderr, lookupEnv: lookupEnv}
	var c cli
	exit := -1
	options := []kong.Option{
		kong.Name("hookproof"), kong.Description(about), kong.Writers(stdout, stderr), kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(p),
		kong.Configuration(loadSettings(lookupEnv)),
		kong.Vars{"bad": strings.Join(spoilerNames(), ", ")},
	}
	if path, ok := lookupEnv("HOOKPROOF_CONFIG"); ok && path != "" {
		options = append(options, kong.Configuration(loadSettings(lookupEnv), path))
	}
	parser, err := kong.New(&c, options...)
	if err != nil {
		fmt.Fprintln(stderr, "hookproof:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	switch {
	case exit >= 0: // --help has been printed
		return exit
	case err != nil:
		fmt.Fprintf(stderr, "hookproof: %v\nRun \"hookproof --help\" for what there is.\n", err)
		return exitUsage
	}
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // one of the enum's
	p.log = telemetry.NewLog(stderr, level)
	err = parsed.Run()
	switch {
	case errors.Is(err, errChanges):
		return exitChanges
	case err != nil && !errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "hookproof:", err)
		if errors.As(err, new(usageError)) {
			return exitUsage
		}
		return exitFailed
	}
	return exitOK
}

// usageError is an error in what the user wrote.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }
