package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Options describes a cluster. The zero value of a field stands for its default.
type Options struct {
	Nodes       int    // 1 or 3; default 1
	Dir         string // holds the streams, configurations and logs; it must exist, and stays after Close
	Server      string // path of nats-server; default one that Build makes in Dir
	SyncAlways  bool   // fsync before each acknowledgement; by default the server syncs every 2 minutes
	MaxStore    int64  // bytes of file storage a node; default 4 GiB
	ConfigExtra string // lines for the configuration of each node

	// Wrap returns a command that runs node i with the server's own command line after it, such as strace and its flags; nil
	// runs the server itself.
	Wrap func(i int) []string
}

const defaultMaxStore = 4 << 30

// Cluster is a set of running nats-servers. Its methods may be called by several goroutines, but not on one node at once.
// Whoever started it closes it.
type Cluster struct {
	opts   Options
	nodes  []*node
	routes map[[2]int]*Link // by the node that connects and the node that accepts
	api    *toxiproxy.ApiServer
	mu     sync.Mutex
	links  map[string]*Link // of clients, by role
}

// Start starts the servers and returns once JetStream works on each.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	if opts.Nodes == 0 {
		opts.Nodes = 1
	}
	if opts.Nodes != 1 && opts.Nodes != 3 {
		return nil, fmt.Errorf("nodes: %d is neither 1 nor 3", opts.Nodes)
	}
	if opts.MaxStore <= 0 {
		opts.MaxStore = defaultMaxStore
	}
	if opts.Server == "" {
		var err error
		if opts.Server, err = Build(ctx, opts.Dir); err != nil {
			return nil, err
		}
	}
	c := &Cluster{opts: opts, routes: map[[2]int]*Link{}, links: map[string]*Link{},
		api: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.New(io.Discard))}
	err := c.start(ctx)
	if err != nil {
		err = errors.Join(err, c.Close())
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	for i := range c.opts.Nodes {
		n, err := newNode(i, c.opts)
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, n)
	}
	if err := c.linkNodes(); err != nil {
		return err
	}
	for i, n := range c.nodes {
		if err := n.configure(c.opts, c.routesOf(i)); err != nil {
			return err
		}
		if err := n.start(); err != nil {
			return err
		}
	}
	return c.WaitHealthy(ctx)
}

// linkNodes makes a link for each direction in which a node may connect to another.
func (c *Cluster) linkNodes() error {
	for i := range c.nodes {
		for j, to := range c.nodes {
			if i == j {
				continue
			}
			l, err := c.newLink(fmt.Sprintf("%s-to-%s", c.nodes[i].name, to.name), to.route)
			if err != nil {
				return err
			}
			c.routes[[2]int{i, j}] = l
		}
	}
	return nil
}

// routesOf returns the addresses at which a node finds the others.
func (c *Cluster) routesOf(i int) (urls []string) {
	for j := range c.nodes {
		if l := c.routes[[2]int{i, j}]; l != nil {
			urls = append(urls, "nats-route://"+l.proxies[0].Listen)
		}
	}
	return urls
}

// Len returns the number of nodes, running or not.
func (c *Cluster) Len() int { return len(c.nodes) }

// URL returns the addresses of all nodes, past every link: for the hands of whoever watches, not for what is tested.
func (c *Cluster) URL() string {
	urls := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		urls[i] = n.url()
	}
	return strings.Join(urls, ",")
}

// NodeURL returns the address of one node, past every link.
func (c *Cluster) NodeURL(i int) string { return c.nodes[i].url() }

// Close kills what runs and takes the links down. The directory stays as a power cut would leave it, but for what the kernel
// has not written yet.
func (c *Cluster) Close() error {
	var errs []error
	for _, n := range c.nodes {
		errs = append(errs, n.kill())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.routes {
		l.close()
	}
	for _, l := range c.links {
		l.close()
	}
	return errors.Join(errs...)
}

// Logs returns the end of each node's log, for whoever looks for a cause.
func (c *Cluster) Logs() string {
	var out strings.Builder
	for _, n := range c.nodes {
		text, err := os.ReadFile(n.log)
		if err != nil {
			text = []byte(err.Error())
		}
		fmt.Fprintf(&out, "== %s (%s)\n%s\n", n.name, filepath.Base(n.log), text[max(0, len(text)-12000):])
	}
	return out.String()
}
