package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/secret"
)

const canary = "a canary that must never be seen"

// TestTextNeverPrints formats a Text in every way that Go has, also where fmt cannot call methods: in unexported fields.
func TestTextNeverPrints(t *testing.T) {
	text := secret.New(canary)
	type holder struct {
		Exported   secret.Text
		unexported secret.Text
		pointer    *secret.Text
		list       []secret.Text
		byName     map[string]secret.Text
	}
	values := []any{text, &text, holder{text, text, &text, []secret.Text{text}, map[string]secret.Text{"x": text}},
		&holder{unexported: text}, []secret.Text{text}, [1]secret.Text{text}, struct{ any }{text}}
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p", "%10s", "%-5v", "% x"} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, "canary") || strings.Contains(got, "63616e617279") {
				t.Errorf("Sprintf(%q, %T) = %s", verb, v, got)
			}
		}
		b, err := json.Marshal(v)
		if err == nil && bytes.Contains(b, []byte("canary")) {
			t.Errorf("json.Marshal(%T) = %s", v, b)
		}
		var out bytes.Buffer
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		if strings.Contains(out.String(), "canary") {
			t.Errorf("slog printed %s", out.String())
		}
	}
	if err := fmt.Errorf("with %v: %w", text, errors.New("cause")); strings.Contains(err.Error(), "canary") {
		t.Errorf("error = %v", err)
	}
	if text.Reveal() != canary || text.Len() != len(canary) {
		t.Errorf("Reveal() = %q, Len() = %d", text.Reveal(), text.Len())
	}
	if zero := (secret.Text{}); zero.Reveal() != "" || zero.String() != "[secret]" {
		t.Errorf("zero Text = %q, %q", zero.Reveal(), zero.String())
	}
}
