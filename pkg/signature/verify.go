package signature

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// maxListed bounds how many signatures of a list are tried.
const maxListed = 16

// Fault says what is wrong with the form of a signature.
type Fault string

// The faults. NoFault means well formed, whether or not a key made it.
const (
	NoFault      Fault = ""
	Missing      Fault = "missing"
	Conflict     Fault = "duplicate_header" // two different values
	Malformed    Fault = "malformed"
	HexForm      Fault = "hex_encoded"    // hex where base64 was due
	Base64Form   Fault = "base64_encoded" // base64 where hex was due
	Length       Fault = "length"         // decodes, but not to 32 bytes
	NotCanonical Fault = "not_canonical"  // another spelling of a MAC
)

// Presented is what a request presents as signed.
type Presented struct {
	mac       string   // encoded, prefix removed; empty for none
	more      []string // those that a list has beside it
	timestamp string
	id        string
}

// Read takes the signature out of a header. A request with any fault is not genuine.
func (s Scheme) Read(h Values) (Presented, Fault) {
	text, conflict := Single(h, s.SignatureHeader)
	var p Presented
	var more bool
	if s.TimestampHeader != "" {
		p.timestamp, more = Single(h, s.TimestampHeader)
		conflict = conflict || more
	}
	if s.IDHeader != "" {
		p.id, more = Single(h, s.IDHeader)
		conflict = conflict || more
	}
	switch {
	case conflict:
		return p, Conflict
	case text == "":
		return p, Missing
	case s.Signs == IDTimestampBody && p.id == "":
		return p, Malformed
	}
	var one [1]string
	listed := one[:0]
	if s.List {
		listed = strings.Fields(text)
	} else {
		listed = append(listed, text)
	}
	fault := Malformed
	for _, entry := range listed[:min(len(listed), maxListed)] {
		mac, ok := strings.CutPrefix(entry, s.Prefix)
		if !ok {
			continue
		}
		switch fault = s.form(mac); {
		case fault != NoFault:
		case p.mac == "":
			p.mac = mac
		default:
			p.more = append(p.more, mac)
		}
	}
	if p.mac != "" {
		return p, NoFault
	}
	return p, fault
}

// form finds out why a text can be no MAC in the scheme's encoding.
func (s Scheme) form(text string) Fault {
	var room [4 * sha256.Size]byte
	raw, err := s.appendDecoded(room[:0], text)
	if err == nil && len(raw) == sha256.Size {
		var again [2 * sha256.Size]byte
		if string(s.appendEncoded(again[:0], raw)) == text {
			return NoFault
		}
	}
	if other, is := s.otherForm(text); is {
		return other
	}
	switch {
	case err != nil:
		if relaxed, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "=")); s.Encoding == Base64 && err == nil && len(relaxed) == sha256.Size {
			return NotCanonical
		}
		return Malformed
	case len(raw) != sha256.Size:
		return Length
	default:
		return NotCanonical
	}
}

func (s Scheme) otherForm(text string) (Fault, bool) {
	if s.Encoding == Base64 {
		raw, err := hex.DecodeString(text)
		return HexForm, err == nil && len(raw) == sha256.Size
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	return Base64Form, err == nil && len(raw) == sha256.Size
}

func (s Scheme) appendDecoded(dst []byte, text string) ([]byte, error) {
	if s.Encoding == Hex {
		return hex.AppendDecode(dst, []byte(text))
	}
	return base64.StdEncoding.AppendDecode(dst, []byte(text))
}

func (s Scheme) encode(mac []byte) string {
	if s.Encoding == Hex {
		return hex.EncodeToString(mac)
	}
	return base64.StdEncoding.EncodeToString(mac)
}

// Signed reports whether key made one of the presented signatures over body. It takes the same time whichever fits and
// compares canonical texts, of which a MAC has one.
func (s Scheme) Signed(key Key, p Presented, body []byte) bool {
	var mac [sha256.Size]byte
	var text [2 * sha256.Size]byte
	want := s.appendEncoded(text[:0], s.sum(key, mac[:0], p, body))
	found := subtle.ConstantTimeCompare([]byte(p.mac), want)
	for _, m := range p.more {
		found |= subtle.ConstantTimeCompare([]byte(m), want)
	}
	return found == 1
}

func (s Scheme) appendEncoded(dst, mac []byte) []byte {
	if s.Encoding == Hex {
		return hex.AppendEncode(dst, mac)
	}
	return base64.StdEncoding.AppendEncode(dst, mac)
}

func (s Scheme) sum(key Key, dst []byte, p Presented, body []byte) []byte {
	switch s.Signs {
	case TimestampBody:
		return key.mac(dst, []byte(p.timestamp), dot, body)
	case IDTimestampBody:
		return key.mac(dst, []byte(p.id), dot, []byte(p.timestamp), dot, body)
	default:
		return key.mac(dst, body)
	}
}

var dot = []byte(".")

// Sign returns the headers that a sender adds to a request: signature, timestamp and id, as far as the scheme has them.
func (s Scheme) Sign(key Key, id string, at time.Time, body []byte) http.Header {
	h := http.Header{}
	p := Presented{id: id}
	if s.TimestampHeader != "" {
		p.timestamp = s.Timestamp(at)
		h.Set(s.TimestampHeader, p.timestamp)
	}
	if s.IDHeader != "" {
		h.Set(s.IDHeader, id)
	}
	h.Set(s.SignatureHeader, s.Prefix+s.encode(s.sum(key, nil, p, body)))
	return h
}

// ID returns the id that the signature covers, if the scheme has one.
func (p Presented) ID() string { return p.id }

// Timestamp returns the text of the timestamp header, if the scheme has one.
func (p Presented) Timestamp() string { return p.timestamp }
