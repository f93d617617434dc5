package cluster

import (
	"errors"
	"os"
	"syscall"
)

// Kill kills a node with SIGKILL. What the kernel has of its files stays.
func (c *Cluster) Kill(i int) error { return c.nodes[i].kill() }

// Lose kills a node and deletes its files, as a disk does that is gone.
func (c *Cluster) Lose(i int) error {
	if err := c.nodes[i].kill(); err != nil {
		return err
	}
	return os.RemoveAll(c.nodes[i].store)
}

// Restart kills a node if it runs, and starts it on its files. It does not wait until the node is healthy.
func (c *Cluster) Restart(i int) error {
	if err := c.nodes[i].kill(); err != nil {
		return err
	}
	return c.nodes[i].start()
}

// Stop stops a node with SIGSTOP: its connections stay open and nothing answers.
func (c *Cluster) Stop(i int) error { return c.nodes[i].signal(syscall.SIGSTOP) }

// Cont lets a stopped node go on.
func (c *Cluster) Cont(i int) error { return c.nodes[i].signal(syscall.SIGCONT) }

// Pid returns the process id of a node, 0 when it does not run.
func (c *Cluster) Pid(i int) int { return c.nodes[i].pid() }

// KillAll kills every node at once, as far as one process can.
func (c *Cluster) KillAll() error {
	var errs []error
	for _, n := range c.nodes {
		if n.running() {
			errs = append(errs, n.signal(syscall.SIGKILL))
		}
	}
	for _, n := range c.nodes {
		errs = append(errs, n.kill())
	}
	return errors.Join(errs...)
}

// RestartAll kills what still runs, and starts every node on its files.
func (c *Cluster) RestartAll() error {
	errs := []error{c.KillAll()}
	for _, n := range c.nodes {
		errs = append(errs, n.start())
	}
	return errors.Join(errs...)
}

// Route returns both directions in which two nodes connect, to break them together.
func (c *Cluster) Route(i, j int) Links { return Links{c.routes[[2]int{i, j}], c.routes[[2]int{j, i}]} }

// Around returns the routes between a set of nodes and all others: cut, they make a partition.
func (c *Cluster) Around(inside ...int) (all Links) {
	in := map[int]bool{}
	for _, i := range inside {
		in[i] = true
	}
	for ends, l := range c.routes {
		if in[ends[0]] != in[ends[1]] {
			all = append(all, l)
		}
	}
	return all
}
