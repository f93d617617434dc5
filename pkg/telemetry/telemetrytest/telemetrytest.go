// Package telemetrytest is an OpenTelemetry back end for tests: it takes spans over OTLP and HTTP, as a collector does.
package telemetrytest

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is a span as it was received. Ids are in hex; values of attributes are written as text.
type Span struct {
	Name, Service             string
	Kind                      string // SERVER, CLIENT, PRODUCER, CONSUMER or INTERNAL
	TraceID, SpanID, ParentID string
	Attributes                map[string]string
	Events                    []Event
	Links                     []string // trace ids
	Failed                    bool
	Status                    string // the description of its status
	Start, End                time.Time
}

// Event is an event of a span.
type Event struct {
	Name       string
	Attributes map[string]string
}

// Receiver keeps what it receives. It is safe for concurrent use.
type Receiver struct {
	URL string // for OTEL_EXPORTER_OTLP_ENDPOINT

	mu      sync.Mutex
	spans   []Span
	changed chan struct{} // closed and renewed when spans came
}

// New starts a receiver, and ends it with the test.
func New(t testing.TB) *Receiver {
	t.Helper()
	r := &Receiver{changed: make(chan struct{})}
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	r.URL = srv.URL
	return r
}

// ServeHTTP takes POST /v1/traces in protobuf and refuses everything else.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var in collector.ExportTraceServiceRequest
	if err != nil || req.URL.Path != "/v1/traces" || proto.Unmarshal(body, &in) != nil {
		http.Error(w, "not a request for spans in protobuf", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range in.GetResourceSpans() {
		service := attributes(resource.GetResource().GetAttributes())["service.name"]
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				r.spans = append(r.spans, span(service, s))
			}
		}
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// Spans returns every span that was received, in the order in which they came.
func (r *Receiver) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Span(nil), r.spans...)
}

// Trace returns the spans of a trace by their names.
func (r *Receiver) Trace(id string) map[string]Span {
	byName := map[string]Span{}
	for _, s := range r.Spans() {
		if s.TraceID == id {
			byName[s.Name] = s
		}
	}
	return byName
}

// Wait returns the spans that match once there are at least n of them, and fails the test after 30 s.
func (r *Receiver) Wait(t testing.TB, n int, match func(Span) bool) []Span {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		var found []Span
		for _, s := range r.Spans() {
			if match(s) {
				found = append(found, s)
			}
		}
		if len(found) >= n {
			return found
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("received %d spans that match after 30 s, want %d", len(found), n)
		}
	}
}

func span(service string, s *otlp.Span) Span {
	out := Span{
		Name: s.GetName(), Service: service, Kind: s.GetKind().String()[len("SPAN_KIND_"):], TraceID: hex.EncodeToString(s.GetTraceId()),
		SpanID: hex.EncodeToString(s.GetSpanId()), ParentID: hex.EncodeToString(s.GetParentSpanId()), Attributes: attributes(s.GetAttributes()),
		Failed: s.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR, Status: s.GetStatus().GetMessage(),
		Start: time.Unix(0, int64(s.GetStartTimeUnixNano())), End: time.Unix(0, int64(s.GetEndTimeUnixNano())),
	}
	for _, e := range s.GetEvents() {
		out.Events = append(out.Events, Event{e.GetName(), attributes(e.GetAttributes())})
	}
	for _, l := range s.GetLinks() {
		out.Links = append(out.Links, hex.EncodeToString(l.GetTraceId()))
	}
	return out
}

func attributes(list []*common.KeyValue) map[string]string {
	out := make(map[string]string, len(list))
	for _, kv := range list {
		switch v := kv.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			out[kv.GetKey()] = v.StringValue
		case *common.AnyValue_BoolValue:
			out[kv.GetKey()] = strconv.FormatBool(v.BoolValue)
		case *common.AnyValue_IntValue:
			out[kv.GetKey()] = strconv.FormatInt(v.IntValue, 10)
		default:
			out[kv.GetKey()] = kv.GetValue().String()
		}
	}
	return out
}
