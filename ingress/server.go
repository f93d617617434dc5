package ingress

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/failpoint"
	"github.com/hookproof/hookproof/pkg/planted"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/route"
	"github.com/hookproof/hookproof/pkg/telemetry"
)

const (
	// storeWithin is how long after a request began it must be stored: Genesys Cloud gives up after 10 s.
	storeWithin = 8 * time.Second
	// storeAttempt bounds one try to store, so that several fit.
	storeAttempt = 3 * time.Second
	// strangersStop is the fill of the stream above which only addresses inside an allowlist are captured.
	strangersStop = 0.8
)

// Steps at which a test build can be made to fail.
const (
	StepCaptured = "captured" // the request is read, and not stored
	StepStored   = "stored"   // it is stored, and not answered
)

// Config tunes an ingress. The zero value of a field stands for its default.
type Config struct {
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; default none
	StrangerRate   float64        // requests a second of all addresses outside allowlists together; default 50
	StrangerBurst  int            // default 100
	TLSCert        string         // path of a PEM file; empty for plain HTTP
	TLSKey         string
	Drain          time.Duration // how long requests in flight may take once the server is told to stop; default 15 s
	Meter          metric.Meter  // what requests are measured with; nil measures nothing

	// Hub is where a Forwarder takes what is stored, and where the routes are; the bus that requests are stored on is then
	// that of a buffer. Nil stores them where the verifiers are.
	Hub *bus.Bus
	// RouteCache is the path of a file that keeps the routes for a start without the hub; empty for none.
	RouteCache string
}

// Server is the public HTTP server. It is safe for concurrent use.
type Server struct {
	cfg     Config
	bus     *bus.Bus
	stream  *bus.Publisher // of the stream that requests are stored on
	routes  *route.Table
	observe *observer
	publish *telemetry.Publishing
	log     *slog.Logger
	budgets *budgets
	storing storing
	full    atomic.Bool // the stream is filled to strangersStop
}

// New returns a server that captures for the routes of the bus. Run starts it.
func New(cfg Config, b *bus.Bus, tracer trace.Tracer, log *slog.Logger) *Server {
	if cfg.StrangerRate <= 0 {
		cfg.StrangerRate = 50
	}
	if cfg.StrangerBurst <= 0 {
		cfg.StrangerBurst = 100
	}
	if cfg.Drain <= 0 {
		cfg.Drain = 15 * time.Second
	}
	routes := route.NewTable(cmp.Or(cfg.Hub, b), cfg.RouteCache, log)
	return &Server{cfg: cfg, bus: b, stream: b.NewPublisher(bus.CommitConfigured), log: log, budgets: newBudgets(cfg.StrangerRate, cfg.StrangerBurst),
		observe: newObserver(tracer, cfg.Meter), publish: telemetry.NewPublishing(tracer, cfg.Meter),
		routes: routes}
}

// storedOn names the stream that requests are stored on.
func (s *Server) storedOn() string {
	if s.cfg.Hub != nil {
		return bus.StreamBuffer
	}
	return bus.StreamUnverified
}

// ServeHTTP captures one request: 200 once it is stored, else a refusal.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{began: time.Now(), status: http.StatusOK}
	// net/http cancels once the sender closes its half, which it may do and still wait for the answer. Deadlines bound all that follows.
	ctx := s.observe.start(context.WithoutCancel(r.Context()), r)
	defer s.observe.end(ctx, r, x)
	if len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) {
		// net/http hides a Content-Length beside a Transfer-Encoding, and under HTTP/1.0 the Transfer-Encoding itself. By what
		// is hidden a proxy may have seen another end of this request.
		w.Header().Set("Connection", "close")
	}
	if err := s.accept(ctx, w, r, x); err != nil {
		no := refuse(err)
		x.status = no.status
		if no.status >= http.StatusInternalServerError {
			s.log.WarnContext(ctx, "request not captured", "status", no.status, "error", err)
		}
		writeRefusal(w, no)
		return
	}
	writeAccepted(w, x.id)
}

// accept stores a request and notes its id.
func (s *Server) accept(ctx context.Context, w http.ResponseWriter, r *http.Request, x *exchange) error {
	rt, err := s.route(ctx, r, x.began)
	x.webhook = rt.Webhook // known also where only the method is wrong
	if err != nil {
		return err
	}
	if err := checkHeader(r.Header, r.Host); err != nil {
		return err
	}
	x.client = clientIP(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), s.cfg.TrustedProxies)
	if err := s.spend(rt, x.client, x.began); err != nil {
		return err
	}
	body, err := readBody(w, r, s.bodyLimit(rt))
	if err != nil {
		return err
	}
	if planted.ReserialisedBody {
		body = reserialised(body)
	}
	e, err := capture(r, rt, x.client, body)
	if err != nil {
		return errors.Join(errNotStored, err)
	}
	m := event.Encode(e)
	failpoint.Hit(StepCaptured)
	err = s.publish.Do(ctx, m, func(ctx context.Context) error { return s.store(ctx, m, x.began.Add(storeWithin)) })
	if s.storing.note(err); err != nil {
		return err
	}
	failpoint.Hit(StepStored)
	x.id = e.ID
	return nil
}

// route returns the route that a request asks for. Before one is unknown the routes are brought up to date: a webhook that
// was made a moment ago must not cost its first event, and 404 is not tried again.
func (s *Server) route(ctx context.Context, r *http.Request, began time.Time) (route.Route, error) {
	select {
	case <-s.routes.Loaded():
	default:
		return route.Route{}, errNotLoaded
	}
	name := webhookOf(r.URL.EscapedPath())
	if name == "" {
		return route.Route{}, errUnknownWebhook
	}
	rt, ok := s.routes.Get(name)
	if !ok {
		ctx, cancel := context.WithDeadline(ctx, began.Add(storeWithin))
		defer cancel()
		if err := s.routes.Current(ctx, began); err != nil {
			return rt, errors.Join(errNotLoaded, err)
		}
		rt, ok = s.routes.Get(name)
	}
	switch {
	case !ok:
		return rt, errUnknownWebhook
	case r.Method != http.MethodPost:
		return rt, errMethod
	}
	return rt, nil
}

// spend takes the request out of its sender's budget.
func (s *Server) spend(rt route.Route, client netip.Addr, now time.Time) error {
	if policy.Allowed(rt.Allowlist, client) {
		if wait := s.budgets.inside(rt, now); wait > 0 {
			return errRate(wait)
		}
		return nil
	}
	if s.full.Load() {
		return errNotStored
	}
	if wait := s.budgets.stranger(client, now); wait > 0 {
		return errRate(wait)
	}
	return nil
}

// bodyLimit is the route's, as far as the bus takes it.
func (s *Server) bodyLimit(rt route.Route) int64 {
	limit := rt.MaxBody
	if limit <= 0 {
		limit = route.DefaultMaxBody
	}
	most := s.bus.MaxPayload()
	if s.cfg.Hub != nil && s.cfg.Hub.MaxPayload() > 0 { // as far as that is known yet
		most = min(most, s.cfg.Hub.MaxPayload())
	}
	return min(limit, most-int64(busRoom))
}

// store stores a message, trying again under the same id while the outcome is unknown and the deadline allows.
func (s *Server) store(ctx context.Context, m *nats.Msg, deadline time.Time) error {
	publish := s.stream.Publish
	for {
		_, err := publish(ctx, m, min(storeAttempt, time.Until(deadline)))
		publish = s.stream.PublishAgain
		if err == nil || !errors.Is(err, bus.ErrUnavailable) {
			return err
		}
		wait := 20*time.Millisecond + rand.N(80*time.Millisecond)
		if time.Until(deadline) <= wait {
			return err
		}
		pause := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			pause.Stop()
			return err
		case <-pause.C:
		}
	}
}
