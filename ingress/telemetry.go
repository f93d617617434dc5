package ingress

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/hookproof/hookproof/pkg/telemetry"
)

// exchange is what is known of one HTTP request by the time that it is answered.
type exchange struct {
	began   time.Time
	webhook string     // empty until it is known to be one
	client  netip.Addr // the zero Addr until it is resolved
	id      string     // empty unless the request was stored
	status  int
}

// observer traces and measures requests.
type observer struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
	labels   *telemetry.Labels[answerKey]
}

type answerKey struct {
	method, webhook string
	status          int
}

func newObserver(tracer trace.Tracer, meter metric.Meter) *observer {
	return &observer{tracer: tracer,
		duration: telemetry.Durations(telemetry.MeterOr(meter), "http.server.request.duration", "Time until a request was answered, by status.", telemetry.RequestBounds()),
		labels: telemetry.NewLabels(func(k answerKey) []attribute.KeyValue {
			attrs := []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(k.method), semconv.HTTPRoute(telemetry.Route),
				semconv.HTTPResponseStatusCode(k.status), attribute.String("webhook", k.webhook)}
			if k.status >= http.StatusInternalServerError {
				attrs = append(attrs, semconv.ErrorTypeKey.String(strconv.Itoa(k.status)))
			}
			return attrs
		})}
}

// newRoot is made once because each option costs an allocation.
var newRoot = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithNewRoot()}

// start starts a new trace: the context that a stranger sent is linked, never joined, or it could force sampling.
func (o *observer) start(ctx context.Context, r *http.Request) context.Context {
	opts := newRoot
	if link, ok := telemetry.LinkFromHTTP(r.Header); ok {
		opts = append(slices.Clip(opts), trace.WithLinks(link))
	}
	ctx, _ = o.tracer.Start(ctx, spanName(r.Method), opts...)
	return ctx
}

// end ends the request's span and measures it.
func (o *observer) end(ctx context.Context, r *http.Request, x *exchange) {
	span := trace.SpanFromContext(ctx)
	defer span.End()
	if span.IsRecording() {
		span.SetAttributes(x.attributes(r)...)
		if x.status >= http.StatusInternalServerError {
			telemetry.Fail(span, strconv.Itoa(x.status), http.StatusText(x.status))
		}
	}
	key := answerKey{method(r.Method), x.webhook, x.status}
	if key.webhook == "" {
		key.webhook = telemetry.UnknownWebhook
	}
	o.labels.Record(ctx, o.duration, time.Since(x.began), key)
}

// attributes describes the request. Its query and headers stay out: either may hold a secret.
func (x *exchange) attributes(r *http.Request) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(method(r.Method)), semconv.HTTPRoute(telemetry.Route), semconv.HTTPResponseStatusCode(x.status),
		semconv.URLPath(telemetry.Clip(r.URL.Path)), semconv.URLScheme(scheme(r)), semconv.ServerAddress(telemetry.Clip(r.Host)),
		semconv.NetworkPeerAddress(peer(r.RemoteAddr)), semconv.NetworkProtocolVersion(strconv.Itoa(r.ProtoMajor) + "." + strconv.Itoa(r.ProtoMinor)),
	}
	if x.client.IsValid() {
		attrs = append(attrs, semconv.ClientAddress(x.client.String()))
	}
	if x.webhook != "" {
		attrs = append(attrs, telemetry.Webhook.String(x.webhook))
	}
	if x.id != "" {
		attrs = append(attrs, telemetry.ID.String(x.id))
	}
	return attrs
}

func peer(remoteAddr string) string {
	host, _, _ := net.SplitHostPort(remoteAddr) // net/http always writes both
	return host
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

func spanName(m string) string {
	switch method(m) {
	case http.MethodPost:
		return telemetry.ServerSpan
	case otherMethod:
		return "HTTP " + telemetry.Route
	default:
		return m + " " + telemetry.Route
	}
}

const otherMethod = "_OTHER"

// method keeps a sender's inventions out of attributes, as the semantic conventions ask for.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace, http.MethodPatch:
		return m
	}
	return otherMethod
}
