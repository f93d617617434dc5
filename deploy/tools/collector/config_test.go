package collector

import (
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/filterprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

const (
	config  = "../../collector.yaml"
	overlay = "../../compose/collector-listen.yaml"
)

// factories are those of the components that the configuration names.
func factories() (f otelcol.Factories, err error) {
	f.Telemetry = otelconftelemetry.NewFactory()
	if f.Receivers, err = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory()); err != nil {
		return f, err
	}
	if f.Exporters, err = otelcol.MakeFactoryMap[exporter.Factory](otlpexporter.NewFactory()); err != nil {
		return f, err
	}
	f.Processors, err = otelcol.MakeFactoryMap[processor.Factory](memorylimiterprocessor.NewFactory(), batchprocessor.NewFactory(),
		filterprocessor.NewFactory(), tailsamplingprocessor.NewFactory())
	return f, err
}

// validate does what otelcol validate does: it reads the files, one laid over the other, and builds every pipeline.
func validate(t *testing.T, uris ...string) error {
	t.Helper()
	c, err := otelcol.NewCollector(otelcol.CollectorSettings{
		Factories: factories, BuildInfo: component.NewDefaultBuildInfo(),
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:              uris,
			ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory(), envprovider.NewFactory(), yamlprovider.NewFactory()},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.DryRun(t.Context())
}

// TestConfig wants the collector to accept the configuration, alone and under the file of deploy/compose, and to refuse it with
// a component, a condition or a setting that is wrong.
func TestConfig(t *testing.T) {
	t.Setenv("TRACE_STORE", "jaeger:4317")
	for _, files := range [][]string{{config}, {config, overlay}} {
		if err := validate(t, files...); err != nil {
			t.Errorf("%s: %v", strings.Join(files, " and "), err)
		}
	}
	for _, wrong := range []string{
		"yaml:service::pipelines::traces/kept::processors: [filter/keep]",
		"yaml:processors::filter/kept::traces::span: ['attributes[\"hookproof.kept\" != true']",
		"yaml:processors::tail_sampling::decision_wate: 10s",
	} {
		if validate(t, config, wrong) == nil {
			t.Errorf("accepted with %s", wrong)
		}
	}
}
