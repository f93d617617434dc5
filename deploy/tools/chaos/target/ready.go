package target

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// WaitReady waits until every role answers that it is ready.
func (d *Deployment) WaitReady(ctx context.Context) error {
	for _, p := range d.Roles() {
		if err := Poll(ctx, func() error { return p.Ready(ctx) }); err != nil {
			return fmt.Errorf("%s is not ready: %w", p.Name, err)
		}
	}
	return nil
}

// Ready asks the process whether it is ready.
func (p *Process) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Admin+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		var b [2048]byte
		n, _ := res.Body.Read(b[:])
		return fmt.Errorf("%s: %s", res.Status, b[:n])
	}
	return nil
}

// Poll tries until it works or ctx ends; then the last error says why.
func Poll(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
