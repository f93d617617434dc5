// Package cluster runs real nats-server processes, one or three of them as a JetStream cluster, and breaks them: it kills,
// stops and restarts processes, and cuts, slows and half-opens the links between them and to their clients.
//
// Every route between two nodes, and every client that uses a Link, goes through toxiproxy on loopback. Nodes advertise no
// address of their own, neither to each other nor to clients, so nothing finds a way around a link that is broken.
package cluster
