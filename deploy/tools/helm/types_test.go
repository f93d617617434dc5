package helm

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// typed returns an empty object of the API's own type for a version and kind, or nil for one that is not the chart's.
func typed(version, kind string) any {
	switch version + " " + kind {
	case "apps/v1 Deployment":
		return new(appsv1.Deployment)
	case "autoscaling/v2 HorizontalPodAutoscaler":
		return new(autoscalingv2.HorizontalPodAutoscaler)
	case "batch/v1 Job":
		return new(batchv1.Job)
	case "networking.k8s.io/v1 Ingress":
		return new(networkingv1.Ingress)
	case "networking.k8s.io/v1 NetworkPolicy":
		return new(networkingv1.NetworkPolicy)
	case "policy/v1 PodDisruptionBudget":
		return new(policyv1.PodDisruptionBudget)
	case "v1 Service":
		return new(corev1.Service)
	case "v1 ServiceAccount":
		return new(corev1.ServiceAccount)
	case "keda.sh/v1alpha1 ScaledObject", "monitoring.coreos.com/v1 ServiceMonitor": // of others: TestSchemas has their definitions
		return new(map[string]any)
	}
	return nil
}

// check reads an object as the API server does: names in their very case, and none that the type does not have.
func (o object) check() error {
	v := typed(o.APIVersion, o.Kind)
	if v == nil {
		return fmt.Errorf("%s %s is of no known type", o.APIVersion, o.Kind)
	}
	text, err := yaml.YAMLToJSONStrict(o.source)
	if err != nil {
		return err
	}
	strict, err := kjson.UnmarshalStrict(text, v)
	return errors.Join(append(strict, err)...)
}

// TestTypes reads each object strictly as the type that the API of Kubernetes declares, so that a misspelt field and a value
// of another type are found in seconds. TestSchemas finds more, by a tool that takes minutes to build.
func TestTypes(t *testing.T) {
	for variant := range variants {
		for _, o := range objects(t, render(t, variant)) {
			if err := o.check(); err != nil {
				t.Errorf("%s: %s %s: %v", variant, o.Kind, o.Metadata.Name, err)
			}
		}
	}
	full := render(t, "full")
	for right, wrong := range map[string]string{"readOnlyRootFilesystem:": "readOnlyRootFileSystem:", "maxUnavailable: 1\n": "maxUnavailable: {}\n", "podSelector:": "podSelektor:", "averageUtilization: 70": "averageUtilization: much"} {
		if !strings.Contains(full, right) {
			t.Errorf("nothing says %q", right)
		}
		refused := false
		for _, o := range objects(t, strings.Replace(full, right, wrong, 1)) {
			refused = refused || o.check() != nil
		}
		if !refused {
			t.Errorf("%q passes for %q", wrong, right)
		}
	}
}
