// Package route holds what an ingress may know of a webhook: that it exists, how large and how frequent its requests may
// be, and from where they are expected. It holds no secret and judges nothing.
package route

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/hookproof/hookproof/pkg/bus"
)

// DefaultMaxBody is the largest request body that is captured where a route does not say otherwise, in bytes.
const DefaultMaxBody = 512 << 10

// Route is a webhook as the ingress sees it.
type Route struct {
	Webhook   string         `json:"webhook"`
	MaxBody   int64          `json:"maxBody,omitempty"`   // bytes; 0 for DefaultMaxBody
	Allowlist []netip.Prefix `json:"allowlist,omitempty"` // the sender's addresses; empty: every address
	// Rate and Burst bound the requests a second of addresses inside the allowlist; 0 is unlimited.
	Rate  float64 `json:"maxRequestsPerSecond,omitempty"`
	Burst int     `json:"burstSize,omitempty"`
}

// Decode reads a route as the bucket stores it.
func Decode(e bus.Entry) (Route, error) {
	var r Route
	if err := json.Unmarshal(e.Value, &r); err != nil {
		return Route{}, fmt.Errorf("route: %w", err)
	}
	if r.Webhook != e.Key {
		return Route{}, fmt.Errorf("route: webhook %.80q under the key %q", r.Webhook, e.Key)
	}
	return r, nil
}

// Encode returns the route as the bucket stores it.
func (r Route) Encode() ([]byte, error) { return json.Marshal(r) }
