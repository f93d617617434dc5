package genesystest

// IPRange is one entry of /api/v2/ipranges. Direction is inbound, outbound, both or absent.
type IPRange struct {
	CIDR      string `json:"cidr"`
	Service   string `json:"service"`
	Region    string `json:"region"`
	Direction string `json:"direction,omitempty"`
}

// DefaultIPRanges returns ranges of documentation addresses (RFC 5737) in every form that the API has. Two of them are where Open
// Messaging sends from: the one in both directions and the one without a direction.
func DefaultIPRanges() []IPRange {
	return []IPRange{
		{CIDR: "198.51.100.0/28", Service: "open-messaging", Region: "us-east-1", Direction: "both"},
		{CIDR: "198.51.100.16/28", Service: "open-messaging", Region: "us-east-1", Direction: "inbound"},
		{CIDR: "203.0.113.64/26", Service: "open-messaging", Region: "us-east-1"},
		{CIDR: "192.0.2.0/24", Service: "data-actions", Region: "us-east-1", Direction: "outbound"},
		{CIDR: "192.0.2.128/25", Service: "audio-connector", Region: "us-east-1", Direction: "both"},
	}
}

// SetIPRanges replaces the answer of /api/v2/ipranges.
func (s *Simulator) SetIPRanges(ranges []IPRange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ranges = append([]IPRange{}, ranges...)
}

func (s *Simulator) ipRanges(*request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ok(map[string]any{"entities": append([]IPRange{}, s.ranges...)})
}
