package helm

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// trigger is what a ScaledObject tells KEDA's NATS JetStream scaler.
func trigger(t *testing.T) map[string]string {
	t.Helper()
	for _, o := range objects(t, render(t, "full")) {
		if o.Kind != "ScaledObject" {
			continue
		}
		var s struct {
			APIVersion, Kind string
			Metadata         map[string]any
			Spec             struct {
				ScaleTargetRef                                                    map[string]string
				MinReplicaCount, MaxReplicaCount, PollingInterval, CooldownPeriod int
				Fallback                                                          map[string]int
				Triggers                                                          []struct {
					Type     string
					Metadata map[string]string
				}
			}
		}
		o.as(t, &s)
		if len(s.Spec.Triggers) != 1 || s.Spec.Triggers[0].Type != "nats-jetstream" || s.Spec.MinReplicaCount < 1 {
			t.Fatalf("the triggers are %v and the least number of verifiers %d", s.Spec.Triggers, s.Spec.MinReplicaCount)
		}
		return s.Spec.Triggers[0].Metadata
	}
	t.Fatal("there is no ScaledObject")
	return nil
}

// TestTriggerNames wants each name in KEDA's own source, and each that KEDA cannot do without.
func TestTriggerNames(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(module(t, keda), "pkg/scalers/nats_jetstream_scaler.go"))
	if err != nil {
		t.Fatal(err)
	}
	has := trigger(t)
	known := map[string]bool{}
	for _, m := range regexp.MustCompile("`keda:\"name=([A-Za-z]+),([^`]*)`").FindAllStringSubmatch(string(source), -1) {
		known[m[1]] = true
		if optional := regexp.MustCompile(`optional|default=`).MatchString(m[2]); !optional && has[m[1]] == "" {
			t.Errorf("KEDA needs %s", m[1])
		}
	}
	if len(known) < 6 {
		t.Fatalf("only %v was found in KEDA's source", known)
	}
	for name := range has {
		if !known[name] {
			t.Errorf("KEDA does not know %s", name)
		}
	}
}

// TestTriggerFindsBacklog asks a NATS server that is configured as in production, and set up by the binary, for what KEDA asks
// it for, and finds the account, the stream and the consumer that the trigger names.
func TestTriggerFindsBacklog(t *testing.T) {
	m := trigger(t)
	monitor := startNATS(t)
	query := url.Values{"acc": {m["account"]}, "consumers": {"true"}, "config": {"true"}}
	res, err := http.Get("http://" + monitor + "/jsz?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Accounts []struct {
			Name    string
			Streams []struct {
				Name      string
				Consumers []struct {
					Name    string
					Pending *int `json:"num_pending"`
				} `json:"consumer_detail"`
			} `json:"stream_detail"`
		} `json:"account_details"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	for _, a := range answer.Accounts {
		for _, s := range a.Streams {
			for _, c := range s.Consumers {
				if a.Name == m["account"] && s.Name == m["stream"] && c.Name == m["consumer"] && c.Pending != nil {
					return
				}
			}
		}
	}
	t.Errorf("the server knows nothing of %v: %+v", m, answer)
}

// startNATS starts a server with the configuration of deploy/nats, makes the streams, and returns its monitoring address.
func startNATS(t *testing.T) string {
	t.Helper()
	dir := filepath.Dir(keys(t)["NATS_NKEY"])
	conf, err := os.ReadFile(root + "/deploy/nats/nats-server.conf")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "nats-server.conf"), conf, 0o600); err != nil {
		t.Fatal(err)
	}
	client, monitor := freeAddress(t), freeAddress(t)
	host, port, _ := net.SplitHostPort(client)
	_, http, _ := net.SplitHostPort(monitor)
	cmd := exec.Command(program(t, "nats-server"), "-c", filepath.Join(dir, "nats-server.conf"), "-a", host, "-p", port, "-m", http)
	cert := filepath.Join(dir, "server.pem")
	cmd.Env = []string{"NATS_STORE_DIR=" + t.TempDir(), "NATS_TLS_CERT=" + cert, "NATS_TLS_KEY=" + filepath.Join(dir, "server-key.pem")}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	eventually(t, "the streams made", func() bool {
		_, err := tool(t, "hookproof", "setup", "--nats-url", "tls://"+client, "--nats-ca", cert, "--nats-nkey", filepath.Join(dir, "admin.nk"), "--nats-inbox-prefix", "_INBOX_admin")
		return err == nil
	})
	return monitor
}

// certify makes a certificate for this machine.
func certify(t *testing.T, dir string) {
	t.Helper()
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=test",
		"-addext", "subjectAltName=IP:127.0.0.1", "-keyout", filepath.Join(dir, "server-key.pem"), "-out", filepath.Join(dir, "server.pem")).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
}
