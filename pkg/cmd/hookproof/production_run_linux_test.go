package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// genesysAddress is one that the simulator publishes for Open Messaging.
const genesysAddress = "198.51.100.7"

// toolsVariable names the directory of what a machine of production has installed: hookproof, nats-server and nats.
const toolsVariable = "HOOKPROOF_TEST_TOOLS"

// TestProductionCommands follows deploy/production.md from an empty directory to events of Genesys Cloud that are verified:
// every command as it is written but those of the operating system's and Kubernetes' own, on three nats-servers and roles
// that are started as their units say. The machines are addresses of loopback, and Genesys Cloud is the simulator.
func TestProductionCommands(t *testing.T) {
	const page = "../../../deploy/production.md"
	if !inside() {
		tools, hosts := installTools(t), filepath.Join(t.TempDir(), "hosts")
		names := "127.0.0.1 localhost nats-1\n127.0.0.2 nats-2\n127.0.0.3 nats-3\n127.0.0.9 hooks.example.com\n"
		if err := os.WriteFile(hosts, []byte(names), 0o600); err != nil {
			t.Fatal(err)
		}
		inNamespace(t, toolsVariable+"="+tools, hostsVariable+"="+hosts)
		return
	}
	s := &site{t: t, dir: t.TempDir(), tools: os.Getenv(toolsVariable)}
	s.x = newTerminal(t, s.dir, "PATH="+s.tools+":"+os.Getenv("PATH"), "HOME="+t.TempDir())
	defer s.x.close()
	first := strings.NewReplacer("/etc/nats", s.path("nats-1"), "/var/lib/nats", s.path("store-1"))
	runPage(t, s.x, page, []step{
		{on: "/webhooks/audit/metrics", with: strings.NewReplacer("sudo cat /etc/hookproof", "cat "+s.path("hookproof")), prints: `"verifiedCount": [1-9]`, then: s.refuseWithoutToken},
		{on: "sha256sum", notRun: "make test-deploy builds the archives and checks their sums"},
		{on: "sudo ", notRun: "it installs; make test-deploy analyses the units"},
		{on: "go build", notRun: "make test-deploy builds it so, and compares the bytes"},
		{on: "make image-push", notRun: "make test-deploy pushes to a registry"},
		{on: "helm ", notRun: "make test-deploy renders the chart"},
		{on: "cp server.pem", then: s.layOut},
		{on: "export NATS_SERVER_NAME", with: first},
		{on: "cluster.conf -t", with: first, prints: "is valid", then: s.startOtherServers},
		{on: "nats-server -c", with: first, background: "http://nats-1:8222/healthz"},
		{on: "hookproof setup", prints: "UNVERIFIED"},
		{on: "nats consumer add", then: s.startRoles},
		{on: "hookproof apply", prints: `support: live`},
		{on: "hookproof status support", prints: `support`},
		{on: "hookproof tail", until: []string{"VERIFIED support"}},
		{on: "consumer next", prints: `ce-source: /hookproof/support`},
		{on: "stream backup", then: func() {
			if out, code := s.x.run("NATS_NKEY=admin.nk NATS_INBOX_PREFIX=_INBOX_admin NATS_JS_API_PREFIX= nats stream rm -f KV_webhooks"); code != 0 {
				t.Errorf("the stream that shall come back cannot be removed:\n%s", out)
			}
		}},
		{on: "stream restore", prints: `KV_webhooks`},
	}, func(name string) {
		if err := os.Rename(s.path(name), s.path("keys/"+name)); err != nil {
			t.Fatal(err)
		}
	})
}

// installTools builds what a machine of production has installed.
func installTools(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, args := range [][]string{{"build", "-o", dir + "/", ".", "github.com/nats-io/nats-server/v2"}, {"install", "github.com/nats-io/natscli/nats@v0.5.1"}} {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "GOBIN="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %q: %v\n%s", args, err, out)
		}
	}
	return dir
}

// site is an installation that grows while the page is followed.
type site struct {
	t          *testing.T
	x          *terminal
	dir, tools string
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// layOut gives each server its files, and the roles theirs.
func (s *site) layOut() {
	s.t.Helper()
	for n := 1; n <= 3; n++ {
		dir := s.path(fmt.Sprintf("nats-%d", n))
		here := strings.NewReplacer("0.0.0.0", fmt.Sprintf("127.0.0.%d", n))
		s.copyFiles(dir, here, "../../../deploy/nats/nats-server.conf", "../../../deploy/nats/cluster.conf")
		s.copyFiles(dir, nil, s.path("keys/keys.conf"), s.path("keys/server.pem"), s.path("keys/server-key.pem"), s.path("keys/ca.pem"))
	}
	s.copyFiles(s.path("hookproof"), nil, s.path("keys/ca.pem"), s.path("keys/pool.xkey"), s.path("keys/admin.token"), s.path("keys/ingress.nk"), s.path("keys/verifier.nk"), s.path("keys/provisioner.nk"))
}

func (s *site) copyFiles(dir string, change *strings.Replacer, paths ...string) {
	s.t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		if change != nil {
			b = []byte(change.Replace(string(b)))
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), b, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

// run starts a process that lives until the test ends, with nothing of this process's environment but what is given.
func (s *site) run(name string, env []string, args ...string) {
	s.t.Helper()
	log, err := os.Create(s.path(name + ".log"))
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(s.tools, args[0]), args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir = append(env, "HOME="+s.dir), log, log, s.dir
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_, _ = cmd.Process.Kill(), cmd.Wait()
		if b, _ := os.ReadFile(log.Name()); s.t.Failed() {
			s.t.Logf("%s:\n%s", name, b[max(0, len(b)-4000):])
		}
		_ = log.Close()
	})
}

// startOtherServers does on the second and the third machine what the page says.
func (s *site) startOtherServers() {
	s.t.Helper()
	variables, code := s.x.run("env")
	if code != 0 {
		s.t.Fatal(variables)
	}
	for n := 2; n <= 3; n++ {
		there := strings.NewReplacer("SERVER_NAME=nats-1", fmt.Sprintf("SERVER_NAME=nats-%d", n), s.path("nats-1"), s.path(fmt.Sprintf("nats-%d", n)),
			s.path("store-1"), s.path(fmt.Sprintf("store-%d", n)))
		env := regexp.MustCompile(`(?m)^NATS_.*$`).FindAllString(there.Replace(variables), -1)
		s.run(fmt.Sprintf("nats-server-%d", n), env, "nats-server", "-c", s.path(fmt.Sprintf("nats-%d/cluster.conf", n)))
	}
}

// startRoles starts each role as its unit says, Genesys Cloud, and what terminates TLS in front of the ingress.
func (s *site) startRoles() {
	s.t.Helper()
	front := netip.MustParseAddr("127.0.0.9")
	s.startFront(front)
	s.run("sim", []string{"SSL_CERT_FILE=" + s.path("front.pem"), "HOOKPROOF_SIM_RATE=5"}, "hookproof", "sim")
	for role, more := range map[string][]string{
		"ingress":  {"HOOKPROOF_TRUSTED_PROXIES=" + front.String()},
		"verifier": nil,
		"provisioner": {"HOOKPROOF_GENESYS_API_URL=http://127.0.0.1:8090", "HOOKPROOF_GENESYS_LOGIN_URL=http://127.0.0.1:8090",
			"GENESYS_CLIENT_ID=hookproof-demo", "GENESYS_CLIENT_SECRET=demo-client-secret-of-the-simulator"},
	} {
		s.run(role, append(s.unitEnv(role), more...), "hookproof", role)
	}
	for _, admin := range []string{"9090", "9091", "9092"} {
		s.await("http://127.0.0.1:" + admin + "/readyz")
	}
}

// refuseWithoutToken wants every role's admin listener to ask for the token that its unit hands over.
func (s *site) refuseWithoutToken() {
	s.t.Helper()
	for _, address := range []string{"9090/debug/pprof/", "9091/webhooks/audit/metrics", "9091/console", "9092/console"} {
		res, err := http.Get("http://127.0.0.1:" + address)
		if err != nil {
			s.t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			s.t.Errorf("GET %s without the token = %s, want 401", address, res.Status)
		}
	}
}

// unitEnv returns the environment that the unit of a role gives it.
func (s *site) unitEnv(role string) (env []string) {
	s.t.Helper()
	installed := strings.NewReplacer("/etc/hookproof", s.path("hookproof"), "%d/nats.nk", s.path("hookproof/"+role+".nk"), "%d", s.path("hookproof"))
	for _, file := range []string{role + ".env", "hookproof-" + role + ".service"} {
		b, err := os.ReadFile("../../../deploy/systemd/" + file)
		if err != nil {
			s.t.Fatal(err)
		}
		for line := range strings.Lines(installed.Replace(string(b))) {
			settings, inUnit := strings.CutPrefix(strings.TrimSpace(line), "Environment=")
			if inUnit {
				env = append(env, strings.Fields(settings)...)
			} else if strings.HasSuffix(file, ".env") && regexp.MustCompile(`^[A-Z_]+=`).MatchString(line) {
				env = append(env, settings)
			}
		}
	}
	return env
}

// startFront terminates TLS for hooks.example.com and hands on to the ingress, telling an address of Genesys Cloud as the
// one that called.
func (s *site) startFront(at netip.Addr) {
	s.t.Helper()
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=hooks.example.com",
		"-addext", "subjectAltName=DNS:hooks.example.com", "-keyout", s.path("front-key.pem"), "-out", s.path("front.pem")).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	cert, err := tls.LoadX509KeyPair(s.path("front.pem"), s.path("front-key.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	l, err := tls.Listen("tcp", netip.AddrPortFrom(at, 443).String(), &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		s.t.Fatal(err)
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: at.AsSlice()}}
	target := &url.URL{Scheme: "http", Host: "127.0.0.1:8080"}
	srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: &httputil.ReverseProxy{Transport: &http.Transport{DialContext: dialer.DialContext}, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		r.Out.Header.Set("X-Forwarded-For", genesysAddress)
	}}}
	go func() { _ = srv.Serve(l) }()
	s.t.Cleanup(func() { _ = srv.Close() })
}

// await waits until an address answers 200.
func (s *site) await(address string) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); !there(nil, address); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s is not 200", address)
		}
	}
}
