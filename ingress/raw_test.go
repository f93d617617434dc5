package ingress_test

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/route"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestRaw sends the bytes of each file in testdata/raw over a connection, and compares what comes back and what was stored.
//
// The section "sent" holds one piece of what is sent a line, with the escapes of Go strings; the ends of the lines are not
// sent. A line that begins with @ is an order: "@repeat N piece" sends a piece N times, "@answer" waits for an answer before
// it goes on, "@end" closes the sender's half. The section "answers" holds a line for each answer: status and code, or what
// net/http itself says; its last line is what becomes of the connection: "closed" when the server has closed it without
// another byte, "open" when it answers a further request. The section "stored" holds every message that came to UNVERIFIED.
func TestRaw(t *testing.T) {
	r := newRig(t, quick(), bus.Topology{}, route.Route{Webhook: "genesys"}, route.Route{Webhook: "small", MaxBody: 100})
	files, err := filepath.Glob("testdata/raw/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata/raw holds %d files (%v), want the corpus", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			c, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := readRawCase(t, c)
			answers, stored := r.raw(t, want)
			if *update {
				c.Files = []txtar.File{{Name: "sent", Data: []byte(want.sent)}, {Name: "answers", Data: []byte(answers)}, {Name: "stored", Data: []byte(stored)}}
				if err := os.WriteFile(file, txtar.Format(c), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if answers != want.answers {
				t.Errorf("answered\n%s\nwant\n%s", answers, want.answers)
			}
			if stored != want.stored {
				t.Errorf("stored\n%s\nwant\n%s", stored, want.stored)
			}
		})
	}
	if err := r.bus.Ready(t.Context()); err != nil {
		t.Errorf("the bus behind them all = %v, want it connected", err)
	}
	before := r.last()
	r.post("genesys", nil, "{}").want(t, "an honest request behind them all", 200, "", "")
	if got := r.last() - before; got != 1 {
		t.Errorf("%d messages came with the honest request, want 1", got)
	}
}

// rawCase is a file of testdata/raw.
type rawCase struct{ sent, answers, stored string }

func readRawCase(t *testing.T, a *txtar.Archive) (c rawCase) {
	t.Helper()
	for _, f := range a.Files {
		switch f.Name {
		case "sent":
			c.sent = string(f.Data)
		case "answers":
			c.answers = string(f.Data)
		case "stored":
			c.stored = string(f.Data)
		default:
			t.Fatalf("a section %s", f.Name)
		}
	}
	if c.sent == "" || len(bytes.TrimSpace(a.Comment)) == 0 {
		t.Fatal("nothing is sent, or nobody says why")
	}
	return c
}

// raw sends a case and tells what came of it, in the form of the files.
func (r *rig) raw(t *testing.T, c rawCase) (answers, stored string) {
	t.Helper()
	before, client := r.last(), r.dial()
	defer client.close()
	x := &rawExchange{t: t, conn: client, head: strings.HasPrefix(c.sent, "HEAD ")}
	for line := range strings.Lines(c.sent) {
		x.send(strings.TrimSuffix(line, "\n"))
	}
	x.flush()
	if *update {
		x.readAll()
	} else {
		for n := strings.Count(c.answers, "\n") - 1; x.answered < n && x.read(); {
		}
	}
	if strings.HasSuffix(c.answers, "open\n") || *update && !x.ended {
		x.probe()
	} else if client.closed() {
		x.told.WriteString("closed\n")
	} else {
		x.told.WriteString("not closed\n")
	}
	return x.told.String(), r.storedSince(t, before, x.ids)
}

// rawExchange is what happens on the connection of one case.
type rawExchange struct {
	t        *testing.T
	conn     *conn
	head     bool // the requests are HEAD, so that the answers have no bodies
	answered int
	ended    bool            // the server has closed the connection
	pieces   strings.Builder // what is still to be sent, at once: what comes behind a refusal would reset the connection
	ids      []string        // that the sender was told
	told     strings.Builder
}

// send sends one line of a case.
func (x *rawExchange) send(line string) {
	x.t.Helper()
	count := 1
	if order, rest, _ := strings.Cut(line, " "); strings.HasPrefix(order, "@") {
		switch order {
		case "@answer":
			x.flush()
			x.read()
			return
		case "@end":
			x.flush()
			if err := x.conn.net.(*net.TCPConn).CloseWrite(); err != nil {
				x.t.Fatal(err)
			}
			return
		case "@repeat":
			n, piece, _ := strings.Cut(rest, " ")
			var err error
			if count, err = strconv.Atoi(n); err != nil {
				x.t.Fatal(err)
			}
			line = piece
		default:
			x.t.Fatalf("an order %q", order)
		}
	}
	x.pieces.WriteString(strings.Repeat(unescape(x.t, line), count))
}

func (x *rawExchange) flush() {
	x.conn.write(x.pieces.String())
	x.pieces.Reset()
}

func unescape(t *testing.T, s string) string {
	t.Helper()
	var b []byte
	for s != "" {
		c, multibyte, rest, err := strconv.UnquoteChar(s, 0)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if s = rest; multibyte {
			b = utf8.AppendRune(b, c)
		} else {
			b = append(b, byte(c))
		}
	}
	return string(b)
}

// read notes the next answer. It returns false when there is none.
func (x *rawExchange) read() bool {
	x.t.Helper()
	req := &http.Request{Method: http.MethodPost}
	if x.head {
		req.Method = http.MethodHead
	}
	res, err := http.ReadResponse(x.conn.read, req)
	if err != nil {
		x.ended = !isTimeout(err)
		return false
	}
	a := readAnswer(x.t, res)
	x.answered++
	fmt.Fprint(&x.told, a.status)
	if allow := res.Header.Get("Allow"); (allow == http.MethodPost) != (a.status == http.StatusMethodNotAllowed) {
		x.t.Errorf("Allow = %q with %d", allow, a.status)
	}
	switch {
	case a.code != "":
		a.want(x.t, "a refusal", a.status, a.code, "")
		fmt.Fprintf(&x.told, " %s", a.code)
	case a.id != "":
		x.ids = append(x.ids, a.id)
	case a.body != "":
		fmt.Fprintf(&x.told, " %q", a.body)
	}
	x.told.WriteByte('\n')
	return true
}

// readAll reads what comes until the connection ends or is silent. Only the writing of golden files relies on it.
func (x *rawExchange) readAll() {
	for {
		if err := x.conn.net.SetReadDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
			x.t.Fatal(err)
		}
		if !x.read() {
			break
		}
	}
	if err := x.conn.net.SetReadDeadline(time.Now().Add(patience)); err != nil {
		x.t.Fatal(err)
	}
}

// probe asks once more on the same connection. Only where both sides agree on the end of what was sent does it get this answer.
func (x *rawExchange) probe() {
	x.t.Helper()
	x.conn.write("DELETE /webhooks/genesys HTTP/1.1\r\nHost: probe\r\n\r\n")
	told := x.told.String()
	if x.head = false; x.read() && strings.HasSuffix(x.told.String(), "405 method_not_allowed\n") {
		x.told.Reset()
		x.told.WriteString(told + "open\n")
	} else {
		x.told.WriteString("no answer to the probe\n")
	}
}
