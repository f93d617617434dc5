package secret

import (
	"fmt"
	"log/slog"
)

// redacted is what every formatting of a Text yields.
const redacted = "[secret]"

// Text is a secret that never prints itself: not through fmt, slog, encoding/json or encoding.TextMarshaler.
// The zero Text holds the empty string. A Text is immutable and safe for concurrent use.
type Text struct {
	// A closure, because fmt prints what unexported string fields hold when a Text sits in another struct's
	// unexported field; of a func it prints an address.
	reveal func() string
}

// New returns a Text that holds s.
func New(s string) Text { return Text{reveal: func() string { return s }} }

// Reveal returns the secret itself. Call it only where the bytes are used: to key a MAC or to send a credential.
func (t Text) Reveal() string {
	if t.reveal == nil {
		return ""
	}
	return t.reveal()
}

// Len returns the length in bytes.
func (t Text) Len() int { return len(t.Reveal()) }

// Format implements fmt.Formatter: every verb prints the placeholder.
func (t Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String returns the placeholder.
func (t Text) String() string { return redacted }

// MarshalText returns the placeholder; encoding/json uses it too.
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer with the placeholder.
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }
