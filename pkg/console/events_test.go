package console_test

import (
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/console"
	"github.com/hookproof/hookproof/pkg/event"
)

// TestEvents sends every part first, and then what changes: a new reject comes to everybody who follows.
func TestEvents(t *testing.T) {
	d := newDesk(t, nil)
	first, leaveFirst := d.follow()
	defer leaveFirst()
	second, leaveSecond := d.follow()
	defer leaveSecond()
	parts := map[string]bool{}
	d.await(first, "every part", func(e sse) bool {
		parts[e.part] = true
		return parts["status"] && parts["panels"] && parts["minutes"] && parts["reasons"] && parts["refused"] && parts["webhooks"] && parts["streams"]
	})
	id := d.reject("orders", event.IPNotWhitelisted, "")
	for name, events := range map[string]<-chan sse{"first": first, "second": second} {
		e := d.await(events, "the reject to the "+name, func(e sse) bool { return e.part == "refused" && strings.Contains(e.html, id) })
		if !strings.Contains(e.html, "IP_NOT_WHITELISTED") {
			t.Errorf("the %s got %s", name, e.html)
		}
	}
	d.await(first, "a sign of life while nothing changes", func(e sse) bool { return e.name == "beat" })
}

// TestEventsEndOnShutdown ends them with the roles, so that the listener closes at once and without an error.
func TestEventsEndOnShutdown(t *testing.T) {
	d := newDesk(t, nil)
	events, leave := d.follow()
	defer leave()
	d.await(events, "a part", func(e sse) bool { return e.name == "part" })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.await(events, "the end", func(e sse) bool { return e.name == "end" })
		for range events { // closed by the server
		}
	}()
	if err := d.stop(); err != nil {
		t.Errorf("the admin listener = %v, want nil", err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the events go on after the end")
	}
}

// TestBusAway keeps what was known and says of when it is.
func TestBusAway(t *testing.T) {
	d := newDesk(t, nil)
	id := d.reject("orders", event.SignatureMismatch, "")
	d.page(id)
	events, leave := d.follow()
	defer leave()
	d.await(events, "a status without trouble", func(e sse) bool { return e.part == "status" && !strings.Contains(e.html, "does not answer") })
	d.server.Shutdown()
	d.await(events, "the trouble", func(e sse) bool {
		return e.part == "status" && strings.Contains(e.html, "The bus does not answer") && strings.Contains(e.html, "What you see was known at")
	})
	if page := d.page("The bus does not answer"); !strings.Contains(page, id) {
		t.Error("the page lost what was known")
	}
}

// TestViewersAreBounded refuses one too many, takes somebody else when one leaves, and holds nothing for who does not read.
func TestViewersAreBounded(t *testing.T) {
	d := newDesk(t, nil)
	before := runtime.NumGoroutine()
	var deaf []net.Conn
	for range console.MaxViewers {
		c, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte("GET /console/events HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		const accepted = "HTTP/1.1 200"
		answer := make([]byte, len(accepted))
		if _, err := io.ReadFull(c, answer); err != nil || string(answer) != accepted {
			t.Fatalf("a viewer while there is room: %q, %v", answer, err)
		}
		deaf = append(deaf, c) // it reads no further
	}
	status := func() int {
		req, err := http.NewRequest(http.MethodGet, d.url+"/console/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK && res.Header.Get("Retry-After") == "" {
			t.Error("refused without saying when to try again")
		}
		return res.StatusCode
	}
	if got := status(); got != http.StatusServiceUnavailable {
		t.Errorf("one too many = %d, want %d", got, http.StatusServiceUnavailable)
	}
	for range 200 {
		d.reject("orders", event.MissingSignature, "")
	}
	id := d.reject("orders", event.MissingSignature, "")
	d.page(id) // pages are still served
	deaf[0].Close()
	eventually(t, "somebody else accepted", func() bool { return status() == http.StatusOK })
	for _, c := range deaf {
		c.Close()
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	eventually(t, "nothing left of those who left", func() bool { return runtime.NumGoroutine() < before+console.MaxViewers/2 })
}

// TestReadsOnlyWhileWatched leaves the bus alone when nobody looks.
func TestReadsOnlyWhileWatched(t *testing.T) {
	d := newDesk(t, nil)
	if at := d.console.ReadAt(); !at.IsZero() {
		t.Errorf("read at %s, before anybody looked", at)
	}
	events, leave := d.follow()
	d.await(events, "a part", func(e sse) bool { return e.name == "part" })
	seen := d.console.ReadAt()
	eventually(t, "read again while somebody follows", func() bool { return d.console.ReadAt().After(seen) })
	leave()
	eventually(t, "no reading for a second", func() bool {
		last := d.console.ReadAt()
		time.Sleep(time.Second) // what is tested is that nothing happens
		return d.console.ReadAt().Equal(last)
	})
	d.page("hookproof")
	if last := d.console.ReadAt(); time.Since(last) > 5*time.Second {
		t.Errorf("a page of %s: it is not read anew for who looks", last)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after %s", what, patience)
		}
	}
}
