package webhook_test

import (
	"testing"

	"github.com/hookproof/hookproof/pkg/webhook"
)

func TestTargets(t *testing.T) {
	tests := []struct {
		uri                 string
		open, inPrivateMode bool // accepted in general, and with AllowPrivateTargets
	}{
		{"https://hooks.example.com/webhooks/w", true, true},
		{"https://hooks.example.com:8443/?a=b", true, true},
		{"https://203.0.113.7/", true, true},
		{"https://[2001:4860::1]/", true, true},
		{"http://hooks.example.com/", false, false},
		{"hooks.example.com", false, false},
		{"https://", false, false},
		{"https:hooks.example.com", false, false},
		{"https://user@hooks.example.com/", false, false},
		{"https://hooks.example.com/#f", false, false},
		{"https://hooks.example.com/#", false, false},
		{"https://localhost/", false, true},
		{"https://a.localhost./", false, true},
		{"https://ingress:8080/", false, true},
		{"https://printer.local/", false, true},
		{"https://127.0.0.1/", false, true},
		{"http://127.0.0.1:8080/", false, true},
		{"https://127.1/", false, true},
		{"https://2130706433/", false, true},
		{"https://0x7f000001/", false, true},
		{"https://10.1.2.3/", false, true},
		{"https://169.254.169.254/", false, true},
		{"https://100.64.0.1/", false, true},
		{"https://0.0.0.0/", false, true},
		{"https://[::1]/", false, true},
		{"https://[::ffff:10.0.0.1]/", false, true},
		{"https://[fe80::1%25eth0]/", false, true},
		{"https://[fd00::1]/", false, true},
		{"https://[64:ff9b::7f00:1]/", false, true},
		{"https://[ff02::1]/", false, true},
	}
	for _, tt := range tests {
		w := webhook.Webhook{Webhook: "w", Kind: webhook.KindWebhook, Secret: webhook.Generate, Events: []string{"e"}, TargetURI: tt.uri}
		if err := w.Check(webhook.Options{}); (err == nil) != tt.open {
			t.Errorf("Check(%s) = %v, want accepted %v", tt.uri, err, tt.open)
		}
		if err := w.Check(webhook.Options{AllowPrivateTargets: true}); (err == nil) != tt.inPrivateMode {
			t.Errorf("Check(%s) with private targets = %v, want accepted %v", tt.uri, err, tt.inPrivateMode)
		}
	}
}
