// Command consumer takes verified events and has an effect for each, once. It is an example to copy: what is yours to
// replace is the table in table.go, which stands for your database, and effect.
//
// It reads the environment: NATS_URL, NATS_NKEY, NATS_CA, NATS_INBOX_PREFIX and NATS_JS_API_PREFIX say how to reach NATS,
// DURABLE (default reader) names the consumer, TABLE (default ./events) is where it keeps what it did, and VERIFY_SECRET,
// which may be left out, lets it check each signature again.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(ctx, log); err != nil {
		log.Error("ended", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, log *slog.Logger) error {
	done, err := openTable(setting("TABLE", "events"))
	if err != nil {
		return err
	}
	dead, err := openTable(setting("TABLE", "events") + ".dead")
	if err != nil {
		return err
	}
	return consume(ctx, &worker{done: done, dead: dead, secret: os.Getenv("VERIFY_SECRET"), log: log})
}

func setting(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
