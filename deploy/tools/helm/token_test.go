package helm

import (
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

const (
	adminToken = "a token that only operators know"
	tokenFile  = "HOOKPROOF_ADMIN_TOKEN_FILE"
)

// TestAdminToken wants each role to have the admin token exactly where the chart's values name one, from the key of the Secret
// that they name. The setup has no admin listener, and gets none.
func TestAdminToken(t *testing.T) {
	for variant := range variants {
		for command, pod := range pods(t, variant) {
			path, from := tokenOf(pod.Spec)
			want := variant == "full" && command != "setup"
			switch {
			case !want && (path != "" || from != nil):
				t.Errorf("%s %s: the token is at %q from %v, want none", variant, command, path, from)
			case !want:
			case path == "" || !mounted(pod.Spec, path):
				t.Errorf("%s %s: the token is at %q, where nothing is mounted", variant, command, path)
			case from == nil || from.Items[0].Key != "password":
				t.Errorf("%s %s: the token is of %v, want the key password of hookproof-admin", variant, command, from)
			}
		}
	}
}

// tokenOf returns where a pod's command reads the token, and the Secret that it is mounted from.
func tokenOf(pod corev1.PodSpec) (path string, from *corev1.SecretVolumeSource) {
	for _, e := range pod.Containers[0].Env {
		if e.Name == tokenFile {
			path = e.Value
		}
	}
	for _, v := range pod.Volumes {
		if v.Secret != nil && v.Secret.SecretName == "hookproof-admin" {
			from = v.Secret
		}
	}
	return path, from
}

// asksForToken wants an admin listener to show console, audit and profiles with the token only.
func asksForToken(t *testing.T, url string) {
	t.Helper()
	for _, path := range []string{"/console", "/webhooks/audit/metrics", "/webhooks/audit/log", "/debug/pprof/"} {
		for given, want := range map[string]int{"": http.StatusUnauthorized, adminToken: http.StatusOK} {
			req, err := http.NewRequest(http.MethodGet, url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if given != "" {
				req.SetBasicAuth("operator", given)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("GET %s with the token %q = %s, want %d", path, given, res.Status, want)
			}
		}
	}
}
