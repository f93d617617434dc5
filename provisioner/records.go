package provisioner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// read reads a key; one that does not exist is an entry that is Deleted, with the revision that a first write expects.
func (p *Provisioner) read(ctx context.Context, bucket, key string) (bus.Entry, error) {
	e, err := p.bus.Get(ctx, bucket, key)
	if errors.Is(err, bus.ErrNotFound) {
		return bus.Entry{Key: key, Deleted: true}, nil
	}
	return e, err
}

// load reads a record from the bucket's leader.
func (p *Provisioner) load(ctx context.Context, name string) (view, error) {
	e, err := p.read(ctx, bus.BucketWebhooks, name)
	if err != nil {
		return view{}, err
	}
	return decodeView(e)
}

// store writes a record over the revision that it was read at, and returns it as it now stands. It announces nothing.
func (p *Provisioner) store(ctx context.Context, v view) (view, error) {
	b, err := v.Record.Encode()
	if err != nil {
		return v, err
	}
	if v.revision, err = p.bus.PutIf(ctx, bus.BucketWebhooks, v.Webhook, b, v.revision); err != nil {
		return v, fmt.Errorf("record: %w", err)
	}
	return v, nil
}

// announce tells a status to whoever listens now. Nobody may; the record is what lasts.
func (p *Provisioner) announce(s webhook.Status) {
	b, err := json.Marshal(s)
	if err == nil {
		err = p.bus.Announce(webhook.StatusRoot+"."+s.Webhook, b)
	}
	if err != nil {
		p.log.Warn("status not announced", "webhook", s.Webhook, "phase", s.Phase, "error", err)
	}
}
