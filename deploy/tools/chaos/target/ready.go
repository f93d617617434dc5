package target

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/cluster"
)

// WaitReady waits until every role answers that it is ready.
func (d *Deployment) WaitReady(ctx context.Context) error {
	for _, p := range d.Roles() {
		if err := cluster.Poll(ctx, func() error { return p.Ready(ctx) }); err != nil {
			return fmt.Errorf("%s is not ready: %w", p.Name, err)
		}
	}
	return nil
}

// Ready asks the process whether it is ready.
func (p *Process) Ready(ctx context.Context) error {
	_, err := p.readiness(ctx)
	return err
}

// Says reports an error unless the process is ready and says something in its answer about that.
func (p *Process) Says(ctx context.Context, what string) error {
	text, err := p.readiness(ctx)
	if err == nil && !strings.Contains(text, what) {
		err = fmt.Errorf("%s does not say %s: %s", p.Name, what, text)
	}
	return err
}

func (p *Process) readiness(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Admin+"/readyz", nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 8192))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, text)
	}
	return string(text), err
}
