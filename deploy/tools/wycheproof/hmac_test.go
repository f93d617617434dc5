package wycheproof_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/c2sp/wycheproof"

	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/signature"
)

const (
	suiteFile = "hmac_sha256_test.json"
	// The numbers of vectors that the pinned version has. Fewer means that something was left out.
	leastCases, leastFullLength, leastTruncated = 174, 87, 87
	fullLength                                  = 256 // bits of a tag
)

type suite struct {
	Algorithm     string `json:"algorithm"`
	NumberOfTests int    `json:"numberOfTests"`
	TestGroups    []struct {
		TagSize int        `json:"tagSize"`
		Tests   []testCase `json:"tests"`
	} `json:"testGroups"`
}

type testCase struct {
	ID      int    `json:"tcId"`
	Comment string `json:"comment"`
	Key     string `json:"key"`
	Msg     string `json:"msg"`
	Tag     string `json:"tag"`
	Result  string `json:"result"`
}

// schemes take a tag as it is written in hex and in base64.
var schemes = []signature.Scheme{
	{Name: signature.NameCustom, SignatureHeader: "X-Tag", Encoding: signature.Hex, Signs: signature.Body},
	{Name: signature.NameCustom, SignatureHeader: "X-Tag", Encoding: signature.Base64, Signs: signature.Body, Prefix: "sha256="},
}

// TestHMACSHA256 accepts every valid tag of full length, and refuses every invalid and every truncated one, the valid
// among them too.
func TestHMACSHA256(t *testing.T) {
	s := load(t)
	counted := map[bool]int{}
	for _, group := range s.TestGroups {
		for _, c := range group.Tests {
			full := group.TagSize == fullLength
			counted[full]++
			want := full && c.Result == "valid"
			for _, scheme := range schemes {
				if got, fault := accepts(t, scheme, c); got != want {
					t.Errorf("vector %d (%s, %s, %d bits, %s): accepted = %v (%q), want %v", c.ID, c.Comment, c.Result, group.TagSize, scheme.Encoding, got, fault, want)
				}
			}
			if c.Result == "valid" {
				checkSign(t, c)
			}
		}
	}
	if counted[true] < leastFullLength || counted[false] < leastTruncated {
		t.Errorf("%d tags of full length and %d truncated, want at least %d and %d", counted[true], counted[false], leastFullLength, leastTruncated)
	}
}

// load reads the suite, and fails when it is missing or not whole.
func load(t *testing.T) suite {
	t.Helper()
	b, err := fs.ReadFile(wycheproof.TestVectors, suiteFile)
	if err != nil {
		t.Fatal(err)
	}
	var s suite
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, group := range s.TestGroups {
		n += len(group.Tests)
	}
	if s.Algorithm != "HMACSHA256" || n != s.NumberOfTests || n < leastCases {
		t.Fatalf("%s: %q with %d of %d vectors, want HMACSHA256 with at least %d", suiteFile, s.Algorithm, n, s.NumberOfTests, leastCases)
	}
	return s
}

// accepts presents the vector's tag as a signature of its message.
func accepts(t *testing.T, s signature.Scheme, c testCase) (bool, signature.Fault) {
	t.Helper()
	text := c.Tag
	if s.Encoding == signature.Base64 {
		text = base64.StdEncoding.EncodeToString(unhex(t, c.Tag))
	}
	p, fault := s.Read(http.Header{"X-Tag": {s.Prefix + text}})
	return s.Signed(key(t, s, c), p, unhex(t, c.Msg)), fault
}

// checkSign holds what Sign makes against a valid tag, which may be the beginning of it.
func checkSign(t *testing.T, c testCase) {
	t.Helper()
	s := schemes[0]
	if got := s.Sign(key(t, s, c), "", time.Time{}, unhex(t, c.Msg)).Get("X-Tag"); !strings.HasPrefix(got, c.Tag) {
		t.Errorf("vector %d (%s): Sign = %s, want %s", c.ID, c.Comment, got, c.Tag)
	}
}

func key(t *testing.T, s signature.Scheme, c testCase) signature.Key {
	t.Helper()
	k, err := s.NewKey(secret.New(string(unhex(t, c.Key))))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
