package genesys

import (
	"context"
	"errors"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// exchange describes one HTTP request to whoever watches. It has the path's template only: ids and names stay out.
type exchange struct {
	op, method, template, host string
	resent                     int // attempts of the same call before this one
}

// observed runs one attempt inside a client span and reports it. The trace does not travel to Genesys Cloud: the request
// carries no traceparent.
func (c *Client) observed(ctx context.Context, x exchange, attempt func(context.Context) (int, error)) error {
	start := time.Now()
	ctx, span := c.tracer.Start(ctx, x.method+" "+x.template,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(start), trace.WithAttributes(x.attributes()...))
	defer span.End()
	status, err := attempt(ctx)
	if status != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	}
	if err != nil {
		span.SetAttributes(semconv.ErrorTypeKey.String(errorType(err)))
		span.SetStatus(codes.Error, clip(err.Error(), maxMessage))
	}
	c.cfg.Observe(x.op, status, err, time.Since(start))
	return err
}

func (x exchange) attributes() []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(x.method),
		semconv.URLTemplate(x.template),
		semconv.ServerAddress(x.host),
	}
	if x.resent > 0 {
		attrs = append(attrs, semconv.HTTPRequestResendCount(x.resent))
	}
	return attrs
}

// errorType is a value of error.type: few of them, so that it can be grouped by.
func errorType(err error) string {
	e, _ := errors.AsType[*Error](err)
	switch {
	case e != nil && e.Status >= 300:
		return strconv.Itoa(e.Status)
	case errors.Is(err, ErrMalformed):
		return "malformed"
	case errors.Is(err, ErrTimeout):
		return "timeout"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "cancelled"
	}
	return "connection"
}
