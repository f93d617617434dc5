package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// natsServer starts a nats-server with an empty file store, or a cluster of them.
func (b *bench) natsServer() error {
	if b.nodes == 0 {
		return b.natsNode("nats-server", b.url[len("nats://"):], "")
	}
	var clients, routes []string
	for range b.nodes {
		for _, list := range []*[]string{&clients, &routes} {
			addr, err := freeAddr()
			if err != nil {
				return err
			}
			*list = append(*list, addr)
		}
	}
	b.url = "nats://" + strings.Join(clients, ",nats://")
	for i, client := range clients {
		cluster := fmt.Sprintf("cluster { name: bench, listen: %q, routes: [nats://%s] }\n", routes[i], strings.Join(routes, ", nats://"))
		if err := b.natsNode(fmt.Sprintf("nats-server-%d", i+1), client, cluster); err != nil {
			return err
		}
	}
	return b.clustered()
}

// natsNode starts one server.
func (b *bench) natsNode(name, listen, more string) error {
	sync := "2m"
	if b.syncs {
		sync = "always"
	}
	config := fmt.Sprintf("server_name: %q\nlisten: %q\njetstream { store_dir: %q, sync_interval: %s }\n%s", name, listen, filepath.Join(b.dir, name), sync, more)
	file := filepath.Join(b.dir, name+".conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	if err := b.run(name, b.o.natsServer, "-c", file); err != nil {
		return err
	}
	return listening(listen)
}

// clustered waits until the cluster has a leader of JetStream.
func (b *bench) clustered() error {
	nc, err := nats.Connect(b.url)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	for end := time.Now().Add(startWithin); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, err = js.AccountInfo(ctx)
		cancel()
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("no leader of the cluster: %w", err)
}

func listening(addr string) error {
	var err error
	for end := time.Now().Add(startWithin); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var c net.Conn
		if c, err = net.Dial("tcp", addr); err == nil {
			return c.Close()
		}
	}
	return err
}
