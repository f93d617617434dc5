package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	pollEvery  = 50 * time.Millisecond
	askTimeout = 2 * time.Second // of one question to one node
)

// ErrNoLeader says that a stream has no leader that the nodes agree on.
var ErrNoLeader = errors.New("no leader")

// Healthy returns nil when a node says that its JetStream works, and that its copy of everything is current. One that lost
// its routes may say so for some seconds more.
func (c *Cluster) Healthy(ctx context.Context, i int) error {
	return c.monitor(ctx, i, "/healthz", nil)
}

// WaitHealthy waits until every running node is healthy, is connected to every other, and names the same leader of the
// cluster and of each stream, or until ctx ends.
func (c *Cluster) WaitHealthy(ctx context.Context) error {
	return Poll(ctx, func() error {
		var running []int
		for i, n := range c.nodes {
			if n.running() {
				running = append(running, i)
			}
		}
		var first map[string]string
		for _, i := range running {
			if err := c.Healthy(ctx, i); err != nil {
				return err
			}
			leaders, err := c.leaders(ctx, i, len(running)-1)
			if err != nil {
				return err
			}
			if first == nil {
				first = leaders
			}
			if !maps.Equal(leaders, first) {
				return fmt.Errorf("%s and %s name other leaders: %v, %v", c.nodes[i].name, c.nodes[running[0]].name, leaders, first)
			}
		}
		return nil
	})
}

// leaders returns whom a node takes for the leader of each stream, and under "" of the cluster. It wants routes to so many
// peers.
func (c *Cluster) leaders(ctx context.Context, i, peers int) (map[string]string, error) {
	if len(c.nodes) == 1 {
		return map[string]string{}, nil // a server that stands alone names none
	}
	var r struct {
		Routes []struct {
			Remote string `json:"remote_name"`
		}
	}
	if err := c.monitor(ctx, i, "/routez", &r); err != nil {
		return nil, err
	}
	remotes := map[string]bool{}
	for _, route := range r.Routes {
		remotes[route.Remote] = true
	}
	if len(remotes) != peers {
		return nil, fmt.Errorf("%s: routes to %d nodes of %d", c.nodes[i].name, len(remotes), peers)
	}
	type cluster struct{ Leader string }
	var js struct {
		Meta     cluster `json:"meta_cluster"`
		Accounts []struct {
			Streams []struct {
				Name    string
				Cluster cluster
			} `json:"stream_detail"`
		} `json:"account_details"`
	}
	if err := c.monitor(ctx, i, "/jsz?streams=true", &js); err != nil {
		return nil, err
	}
	leaders := map[string]string{"": js.Meta.Leader}
	for _, account := range js.Accounts {
		for _, s := range account.Streams {
			leaders[s.Name] = s.Cluster.Leader
		}
	}
	for name, leader := range leaders {
		if leader == "" {
			return nil, fmt.Errorf("%s: %q: %w", c.nodes[i].name, name, ErrNoLeader)
		}
	}
	return leaders, nil
}

// monitor asks a node's monitoring port, and decodes the answer into one that is not nil.
func (c *Cluster) monitor(ctx context.Context, i int, path string, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.nodes[i].monitor+path, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", c.nodes[i].name, path, res.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(answer)
}

// Leader returns the node that leads a stream, as more than half of all nodes say. The error is ErrNoLeader when they do not.
func (c *Cluster) Leader(ctx context.Context, stream string) (int, error) {
	said := make([]int, len(c.nodes))
	errs := make([]error, len(c.nodes))
	var asking sync.WaitGroup
	for i := range c.nodes {
		asking.Go(func() { said[i], errs[i] = c.leaderBy(ctx, i, stream) })
	}
	asking.Wait()
	votes := map[int]int{}
	for i, leader := range said {
		if errs[i] != nil {
			continue
		}
		if votes[leader]++; votes[leader] > len(c.nodes)/2 {
			return leader, nil
		}
	}
	return 0, fmt.Errorf("%s: %w: %w", stream, ErrNoLeader, errors.Join(errs...))
}

// WaitLeader waits until a stream has a leader other than those named, or ctx ends.
func (c *Cluster) WaitLeader(ctx context.Context, stream string, but ...int) (leader int, err error) {
	err = Poll(ctx, func() error {
		if leader, err = c.Leader(ctx, stream); err != nil {
			return err
		}
		for _, i := range but {
			if i == leader {
				return fmt.Errorf("%s: %w: still %s", stream, ErrNoLeader, c.nodes[i].name)
			}
		}
		return nil
	})
	return leader, err
}

// leaderBy asks one node which leads a stream.
func (c *Cluster) leaderBy(ctx context.Context, i int, stream string) (int, error) {
	name, err := c.leaderName(ctx, i, stream)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.nodes[i].name, err)
	}
	for j, n := range c.nodes {
		if n.name == name {
			return j, nil
		}
	}
	return 0, fmt.Errorf("%s: leader %q is none of ours", c.nodes[i].name, name)
}

func (c *Cluster) leaderName(ctx context.Context, i int, stream string) (string, error) {
	nc, err := nats.Connect(c.nodes[i].url(), nats.NoReconnect(), nats.Timeout(askTimeout))
	if err != nil {
		return "", err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return "", err
	}
	if len(c.nodes) == 1 { // a server that stands alone names no leader
		return c.nodes[0].name, nil
	}
	return s.CachedInfo().Cluster.Leader, nil
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
		case <-time.After(pollEvery):
		}
	}
}
