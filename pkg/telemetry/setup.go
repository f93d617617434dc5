package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Scope is the instrumentation scope of hookproof's spans and metrics.
const Scope = "github.com/hookproof/hookproof"

// Config describes the process to telemetry back ends.
type Config struct {
	Service string // service.name unless OTEL_SERVICE_NAME says otherwise
	Version string
	// Getenv looks an OTEL_* variable up; nil stands for none set. What an exporter itself needs, such as its endpoint, the
	// SDK reads from the process's environment.
	Getenv func(string) (string, bool)
	// Log takes what exporters complain about; nil leaves it to the SDK.
	Log *slog.Logger
	// Exporter makes an exporter of spans, in place of those that the environment asks for; nil stands for these. It is
	// called twice, because rejects are exported apart from other spans.
	Exporter func(context.Context) (sdktrace.SpanExporter, error)
}

// Telemetry holds the process's providers. It is safe for concurrent use.
type Telemetry struct {
	traces   trace.TracerProvider
	exported *sdktrace.TracerProvider // nil where no spans are exported; then traces is not it
	metrics  *sdkmetric.MeterProvider
	registry *prometheus.Registry
}

// Setup starts the exporters that the environment asks for. Call Shutdown to flush them.
func Setup(ctx context.Context, cfg Config) (*Telemetry, error) {
	if cfg.Log != nil {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { cfg.Log.Warn("telemetry", "error", err) }))
	}
	res, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName(cfg.Service), semconv.ServiceVersion(cfg.Version)),
		resource.WithFromEnv(), resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessPID())
	if err != nil {
		return nil, fmt.Errorf("telemetry resource: %w", err)
	}
	t := &Telemetry{registry: prometheus.NewRegistry()}
	if t.metrics, err = cfg.meterProvider(ctx, res, t.registry); err != nil {
		return nil, fmt.Errorf("telemetry metrics: %w", err)
	}
	t.traces = unrecordedProvider{}
	if cfg.Exporter != nil || cfg.exports("TRACES") {
		if t.exported, err = cfg.tracerProvider(ctx, res, t.Meter()); err != nil {
			return nil, errors.Join(fmt.Errorf("telemetry traces: %w", err), t.metrics.Shutdown(ctx))
		}
		t.traces = t.exported
	}
	return t, nil
}

func (cfg Config) meterProvider(ctx context.Context, res *resource.Resource, registry *prometheus.Registry) (*sdkmetric.MeterProvider, error) {
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	scraped, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	opts := []sdkmetric.Option{sdkmetric.WithResource(res), sdkmetric.WithReader(scraped)}
	if cfg.exports("METRICS") {
		pushed, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return nil, err
		}
		opts = append(opts, sdkmetric.WithReader(pushed))
	}
	return sdkmetric.NewMeterProvider(opts...), nil
}

func (cfg Config) tracerProvider(ctx context.Context, res *resource.Resource, meter metric.Meter) (*sdktrace.TracerProvider, error) {
	opts := []sdktrace.TracerProviderOption{sdktrace.WithResource(res), sdktrace.WithIDGenerator(ids{})}
	newExporter := cfg.Exporter
	if newExporter == nil {
		newExporter = func(ctx context.Context) (sdktrace.SpanExporter, error) { return autoexport.NewSpanExporter(ctx) }
	}
	base, err := cfg.baseSampler()
	if err != nil {
		return nil, err
	}
	kept, err := newExporter(ctx)
	if err != nil {
		return nil, err
	}
	others, err := newExporter(ctx)
	if err != nil {
		return nil, errors.Join(err, kept.Shutdown(ctx))
	}
	processor := split{kept: newQueue(kept, meter), others: sdktrace.NewBatchSpanProcessor(others)}
	return sdktrace.NewTracerProvider(append(opts, sdktrace.WithSampler(newSampler(base, meter)), sdktrace.WithSpanProcessor(processor))...), nil
}

// Tracer returns the process's tracer.
func (t *Telemetry) Tracer() trace.Tracer { return t.traces.Tracer(Scope) }

// TracerProvider returns what makes tracers of other scopes.
func (t *Telemetry) TracerProvider() trace.TracerProvider { return t.traces }

// Meter returns the process's meter.
func (t *Telemetry) Meter() metric.Meter { return t.metrics.Meter(Scope) }

// Handler serves the process's metrics to Prometheus.
func (t *Telemetry) Handler() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Flush exports what waits.
func (t *Telemetry) Flush(ctx context.Context) error {
	err := t.metrics.ForceFlush(ctx)
	if t.exported != nil {
		err = errors.Join(t.exported.ForceFlush(ctx), err)
	}
	return err
}

// Shutdown exports what is left and stops.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	err := t.metrics.Shutdown(ctx)
	if t.exported != nil {
		err = errors.Join(t.exported.Shutdown(ctx), err)
	}
	return err
}
