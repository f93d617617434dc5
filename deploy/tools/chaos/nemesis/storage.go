package nemesis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/cluster"
	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
	"github.com/hookproof/hookproof/deploy/tools/chaos/target"
)

// storage are faults of streams and disks that have no room.
func storage() []Scenario {
	return []Scenario{
		{Name: "unverified-full", Strikes: "UNVERIFIED at its limit, then room is made",
			Promise: "503 while there is no room, and nothing that was accepted is dropped for it", Run: history.Run{MinVerified: 100, MinFaults: 1},
			Strike: fillUnverified},
		{Name: "verified-full", Strikes: "VERIFIED and PARKED at their limits, then room is made",
			Promise: "back-pressure: requests are accepted and wait; readiness turns red; none is lost", Run: history.Run{MinVerified: 100, MinFaults: 1},
			Strike: func(ctx context.Context, r *Rig) error { return r.fill(ctx, target.Verified, target.Parked) }},
		{Name: "claims-full", Strikes: "the buckets of replay keys at their limits, then room is made",
			Promise: "the same: nothing is verified without a claim", Run: history.Run{MinVerified: 100, MinFaults: 2},
			Strike: func(ctx context.Context, r *Rig) error { return r.fill(ctx, "KV_replay-body", "KV_replay-signed") }},
		{Name: "disk-full", Strikes: "the disk under a nats-server full, then room is made and the server restarted",
			Promise: "nothing is answered with 2xx that the disk does not hold", Run: history.Run{MinVerified: 50, MinFaults: 1},
			Options: target.Options{DiskBytes: diskBytes, MaxStorage: 1 << 30}, Strike: fillDisk},
	}
}

func fillUnverified(ctx context.Context, r *Rig) error {
	// Without verifiers the stream holds what comes; its limit is what it will hold in a moment.
	for _, v := range r.Verifiers {
		if err := v.Down(); err != nil {
			return err
		}
	}
	before, err := r.Admin.SetMaxBytes(ctx, target.Unverified, 100<<10)
	if err != nil {
		return err
	}
	err = cluster.Poll(ctx, func() error {
		s, err := r.Admin.State(ctx, target.Unverified)
		if err == nil && s.Bytes < 90<<10 {
			err = fmt.Errorf("UNVERIFIED holds %d bytes", s.Bytes)
		}
		return err
	})
	if err != nil {
		return err
	}
	r.Struck("full", target.Unverified)
	sleep(ctx, 2*time.Second)
	if r.Ingress.Ready(ctx) == nil {
		r.Broken("an ingress that has no room calls itself ready")
	}
	for _, v := range r.Verifiers {
		v.Up()
	}
	sleep(ctx, 2*time.Second)
	_, err = r.Admin.SetMaxBytes(ctx, target.Unverified, before)
	sleep(ctx, 2*time.Second)
	return err
}

// fill leaves streams that the verifiers write hardly any room, for a while.
func (r *Rig) fill(ctx context.Context, streams ...string) error {
	limits := map[string]int64{}
	for _, stream := range streams {
		s, err := r.Admin.State(ctx, stream)
		if err != nil {
			return err
		}
		if limits[stream], err = r.Admin.SetMaxBytes(ctx, stream, int64(s.Bytes)+512); err != nil {
			return err
		}
		r.Struck("full", stream)
	}
	sleep(ctx, 3*time.Second)
	if r.verifier().Ready(ctx) == nil {
		r.Broken("a verifier that has no room in %v calls itself ready", streams)
	}
	for stream, bytes := range limits {
		if _, err := r.Admin.SetMaxBytes(ctx, stream, bytes); err != nil {
			return err
		}
	}
	sleep(ctx, 2*time.Second)
	return nil
}

// diskBytes is the size of the small disk.
const diskBytes = 96 << 20

// fillDisk leaves no room on the disk of the first server: it writes until the kernel refuses.
func fillDisk(ctx context.Context, r *Rig) error {
	ballast := filepath.Join(r.DiskDir(), "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		return err
	}
	chunk := make([]byte, 256<<10)
	for err == nil {
		_, err = f.Write(chunk)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return errors.Join(err, f.Close())
	}
	r.Struck("full", "the disk")
	sleep(ctx, 10*time.Second)                               // longer than the ingress tries to store a request
	if r.Cluster.Len() == 1 && r.Ingress.Ready(ctx) == nil { // two others would go on
		r.Broken("the ingress calls itself ready while nothing can be stored")
	}
	if err := errors.Join(f.Close(), os.Remove(ballast)); err != nil {
		return err
	}
	if err := r.Cluster.Restart(0); err != nil {
		return err
	}
	if err := r.Cluster.WaitHealthy(ctx); err != nil {
		return err
	}
	sleep(ctx, 3*time.Second)
	return nil
}
