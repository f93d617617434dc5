package genesystest

import (
	"net"
	"net/http"
	"time"
)

// page is what a proxy says when it thinks that it talks to a person.
const page = "<!DOCTYPE html><html><head><title>Service unavailable</title></head><body><h1>Sorry</h1></body></html>"

// before applies the faults that answer instead of the operation, and reports whether one did.
func (s *Simulator) before(w http.ResponseWriter, r *request) (answer, bool) {
	f := r.fault
	switch f.Kind {
	case RateLimited:
		return tooMany(f.RetryAfter), true
	case ServerError:
		return serverError(f), true
	case ExpiredToken:
		s.revoke(bearer(r.Request))
		return expired(), true
	case MissingScope:
		return forbidden("of a role that somebody took away"), true
	case Redirect:
		return redirect(f), true
	case HTML:
		return answer{status: orDefault(f.Status, http.StatusOK)}, true
	case Reset:
		hangUp(w)
	case Slow:
		pause(r.Request, f.Delay)
	}
	return answer{}, false
}

func redirect(f Fault) answer {
	return answer{status: orDefault(f.Status, http.StatusTemporaryRedirect), header: map[string]string{"Location": f.Location}}
}

func serverError(f Fault) answer {
	a := refuse(orDefault(f.Status, http.StatusInternalServerError), "internal.server.error", "The server encountered an unexpected condition.")
	if f.RetryAfter != "" {
		a.header = map[string]string{"Retry-After": f.RetryAfter}
	}
	return a
}

// finish writes the answer, or spoils it.
func (s *Simulator) finish(w http.ResponseWriter, a answer, f Fault) {
	h, body := s.encode(a)
	switch f.Kind {
	case LostAnswer:
		hangUp(w)
	case HalfAnswer: // Content-Length promises more than comes
		send(w, a.status, h, body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case HalfJSON:
		h.Del("Content-Length")
		body = body[:len(body)/2]
	case HTML:
		h.Set("Content-Type", "text/html; charset=utf-8")
		body = []byte(page)
	case GatewayTimeout:
		h, body = s.encode(refuse(http.StatusGatewayTimeout, "gateway.timeout", "The request timed out."))
		a.status = http.StatusGatewayTimeout
	}
	send(w, a.status, h, body)
}

// hangUp closes the connection, by a TCP reset where there is TCP. It does not return.
func hangUp(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, isTCP := conn.(*net.TCPConn); isTCP {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}

// pause waits, no longer than somebody waits for the answer.
func pause(r *http.Request, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}
