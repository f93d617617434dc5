package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/signature"
	"github.com/hookproof/hookproof/verifier"
)

// testBinary builds the program with failpoints, once.
var testBinary = sync.OnceValues(func() (string, error) {
	dir, err := buildDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "hookproof")
	out, err := exec.Command("go", "build", "-tags", "failpoint", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// environ is this process's environment without what would configure hookproof, its telemetry or a client of NATS: that, a
// process of a test has from its test alone.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "HOOKPROOF_") || strings.HasPrefix(variable, "OTEL_") || strings.HasPrefix(variable, "NATS_")
	})
}

// child is a real process of the program.
type child struct {
	cmd  *exec.Cmd
	logs output
	done chan struct{} // closed when it has ended; then err is set
	err  error
}

// spawn starts the program with the secrets of the tests and ends it with the test.
func (r *rig) spawn(failpoint string, args ...string) *child {
	r.t.Helper()
	binary, err := testBinary()
	if err != nil {
		r.t.Fatal(err)
	}
	c := &child{cmd: exec.Command(binary, args...), done: make(chan struct{})}
	c.cmd.Env = slices.Concat(environ(), []string{"NATS_URL=" + r.server.URL(), "WEBHOOK_SECRET=" + testSecret, "HOOKPROOF_FAILPOINT=" + failpoint,
		"HOOKPROOF_ADMIN_LISTEN=127.0.0.1:0"}, r.env)
	c.cmd.Stdout, c.cmd.Stderr = &c.logs, &c.logs
	if err := c.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	r.t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.done
		if r.t.Failed() {
			r.t.Logf("%v %s:\n%s", args, failpoint, c.logs.String())
		}
	})
	return c
}

// killed waits until a process has died of SIGKILL.
func (c *child) killed(t *testing.T) {
	t.Helper()
	select {
	case <-c.done:
	case <-time.After(60 * time.Second):
		t.Fatal("the process did not reach its failpoint")
	}
	var exit *exec.ExitError
	if !errors.As(c.err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the process ended with %v, want SIGKILL", c.err)
	}
}

// stop ends a process as an operator does, and waits for it.
func (c *child) stop(t *testing.T) {
	t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-c.done
	if c.err != nil {
		t.Errorf("after SIGTERM: %v", c.err)
	}
}

// crashTopology hands messages of a dead verifier out again soon.
var crashTopology = bus.Topology{AckWait: 2 * time.Second}

// TestVerifierKilled kills a real verifier at each step of the claim protocol. Every accepted request must have its outcome
// once another takes over, and none may be verified twice.
func TestVerifierKilled(t *testing.T) {
	for _, step := range []string{verifier.StepFetched, verifier.StepDecided, verifier.StepClaimed, verifier.StepPublished} {
		t.Run(step, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			r := newRig(t, crashTopology, 0)
			r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(t, signature.NameGenesysWebhook)})
			genuine, others := r.mixed(30)
			r.spawn(step+":7:kill", "verifier").killed(t)
			r.spawn(step+":11:kill", "verifier").killed(t)
			r.spawn("", "verifier")
			r.drained()
			r.assertOnce(genuine, others)
		})
	}
}

// TestVerifierStalled lets a worker stall past the acknowledgement wait, so that another gets its message too, and go on.
func TestVerifierStalled(t *testing.T) {
	for _, step := range []string{verifier.StepFetched, verifier.StepDecided, verifier.StepClaimed} {
		t.Run(step, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			r := newRig(t, crashTopology, 0)
			r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(t, signature.NameGenesysWebhook)})
			genuine, others := r.mixed(10)
			stalled := r.spawn(step+":1:stall:6s", "verifier")
			r.eventually("it stalls", func() bool { return strings.Contains(stalled.logs.String(), "failpoint: stalled at "+step) })
			r.spawn("", "verifier")
			r.drained()
			stalled.stop(t) // it finishes what it holds
			r.assertOnce(genuine, others)
		})
	}
}

// mixed sends n genuine events, each with a copy, and n forged ones. It returns the ids: of each event those of both its
// copies, of which one has to be verified, and those that must be rejected.
func (r *rig) mixed(n int) (genuine [][2]string, forged []string) {
	for i := range n {
		body := fmt.Appendf(nil, `{"number":%d}`, i)
		h := signed(body)
		genuine = append(genuine, [2]string{r.accept("genesys", h, body), r.accept("genesys", h, body)})
		bad := signed(body)
		bad.Set("X-Genesys-Signature", base64.StdEncoding.EncodeToString(make([]byte, 32)))
		forged = append(forged, r.accept("genesys", bad, body))
	}
	return genuine, forged
}

// assertOnce asserts that each event was verified exactly once and everything else rejected.
func (r *rig) assertOnce(genuine [][2]string, forged []string) {
	r.t.Helper()
	for _, pair := range genuine {
		a, b := r.outcome(pair[0]), r.outcome(pair[1])
		verified := 0
		for _, o := range []bus.Stored{a, b} {
			if o.Subject == "verified.genesys" {
				verified++
			} else if o.Header.Get(event.HeaderReason) != string(event.ReplayDetected) {
				r.t.Errorf("%s: rejected for %s", o.Header.Get(event.HeaderID), o.Header.Get(event.HeaderReason))
			}
		}
		if verified != 1 {
			r.t.Errorf("%v: %d of two copies verified, want 1", pair, verified)
		}
	}
	for _, id := range forged {
		if o := r.outcome(id); o.Subject != "rejected.genesys" {
			r.t.Errorf("forged %s: %s", id, o.Subject)
		}
	}
	seen := map[string]string{}
	err := r.bus.Scan(context.Background(), bus.StreamVerified, bus.ScanOptions{Subject: "verified.*"}, func(s bus.Stored) error {
		id, key := s.Header.Get(event.HeaderID), s.Header.Get(event.HeaderKey)
		if other, twice := seen[key]; twice {
			r.t.Errorf("verified twice: %s and %s", other, id)
		}
		seen[key] = id
		return nil
	})
	if err != nil || len(seen) != len(genuine) {
		r.t.Errorf("VERIFIED holds %d events (%v), want %d", len(seen), err, len(genuine))
	}
}

// TestRotationUnderLoad changes the secret while events come in. Not one genuine event may be rejected.
func TestRotationUnderLoad(t *testing.T) {
	r := newRig(t, bus.Topology{}, 3)
	s := scheme(t, signature.NameGenesysWebhook)
	ring := []policy.Secret{{Ref: "env:HOOKPROOF_SECRET_0"}}
	r.configure(policy.Policy{Webhook: "genesys", Scheme: s, Secrets: ring})
	sendWith := func(epoch, n int) string {
		secretText, _ := testEnv(fmt.Sprintf("HOOKPROOF_SECRET_%d", epoch))
		body := fmt.Appendf(nil, `{"epoch":%d,"number":%d}`, epoch, n)
		return r.accept("genesys", s.Sign(key(t, s, secretText), "", time.Now(), body), body)
	}
	var ids []string
	for epoch := range 5 {
		if epoch > 0 { // the sender uses the new secret as soon as the policy is stored, as Genesys Cloud would
			ring = policy.Rotated(ring, secret.Ref(fmt.Sprintf("env:HOOKPROOF_SECRET_%d", epoch)), time.Minute, time.Now())
			r.put(bus.BucketPolicies, "genesys", policy.Policy{Webhook: "genesys", Scheme: s, Secrets: ring, Tolerance: policy.Duration(policy.DefaultTolerance)}.Encode)
		}
		for n := range 100 {
			if epoch > 0 && n%10 == 0 {
				ids = append(ids, sendWith(epoch-1, 1000+n)) // a straggler, within the overlap
			}
			ids = append(ids, sendWith(epoch, n))
		}
	}
	for _, id := range ids {
		if o := r.outcome(id); o.Subject != "verified.genesys" {
			t.Fatalf("genuine event rejected: %s %s, policy %s", o.Header.Get(event.HeaderReason), o.Header.Get(event.HeaderDetail), o.Header.Get(event.HeaderPolicyRevision))
		}
	}
}
