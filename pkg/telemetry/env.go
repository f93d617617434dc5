package telemetry

import (
	"fmt"
	"strconv"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exports reports whether the environment names an exporter or an endpoint for a signal, TRACES or METRICS. The SDK's own
// default would export to localhost:4318 and log an error each time that nothing listens there.
func (cfg Config) exports(signal string) bool {
	if cfg.env("OTEL_SDK_DISABLED") == "true" {
		return false
	}
	if exporter := cfg.env("OTEL_" + signal + "_EXPORTER"); exporter != "" {
		return exporter != "none"
	}
	return cfg.env("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || cfg.env("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
}

func (cfg Config) env(name string) string {
	if cfg.Getenv == nil {
		return ""
	}
	v, _ := cfg.Getenv(name)
	return v
}

// baseSampler returns the sampler that OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG name. The SDK reads them too, but
// does not hand out what it made of them, and falls back in silence where they are wrong.
func (cfg Config) baseSampler() (sdktrace.Sampler, error) {
	name := cfg.env("OTEL_TRACES_SAMPLER")
	switch name {
	case "", "parentbased_always_on":
		return sdktrace.ParentBased(sdktrace.AlwaysSample()), nil
	case "always_on":
		return sdktrace.AlwaysSample(), nil
	case "always_off":
		return sdktrace.NeverSample(), nil
	case "parentbased_always_off":
		return sdktrace.ParentBased(sdktrace.NeverSample()), nil
	case "traceidratio", "parentbased_traceidratio":
		ratio, err := cfg.samplerRatio()
		if err != nil || name == "traceidratio" {
			return sdktrace.TraceIDRatioBased(ratio), err
		}
		return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio)), nil
	}
	return nil, fmt.Errorf("OTEL_TRACES_SAMPLER: %.64q is not known", name)
}

func (cfg Config) samplerRatio() (float64, error) {
	text := cfg.env("OTEL_TRACES_SAMPLER_ARG")
	if text == "" {
		return 1, nil
	}
	ratio, err := strconv.ParseFloat(text, 64)
	if err != nil || !(ratio >= 0 && ratio <= 1) {
		return 1, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG: %.64q is not a ratio from 0 to 1", text)
	}
	return ratio, nil
}
