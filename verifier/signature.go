package verifier

import (
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/signature"
)

// checkSignature holds the signature against every key of the ring, valid now or not, so that the time it takes does not
// tell which one fits. The error says that a key which might have made it cannot be resolved, or that the ring has none.
func checkSignature(r *event.Request, ring *policy.Ring) (signature.Presented, event.Verdict, error) {
	presented, fault := ring.Scheme.Read(r.Header)
	switch fault {
	case signature.NoFault:
	case signature.Missing:
		return presented, event.Verdict{Reason: event.MissingSignature}, nil
	default:
		return presented, event.Verdict{Reason: event.SignatureMismatch, Detail: string(fault)}, nil
	}
	if ring.Err != nil {
		return presented, event.Verdict{}, ring.Err
	}
	genuine, detail := false, event.DetailMismatch
	var unresolved error
	for _, key := range ring.Keys {
		if key.Err != nil {
			if key.Valid(r.ReceivedAt) {
				unresolved = key.Err
			}
			continue
		}
		if !ring.Scheme.Signed(key.Key, presented, r.Body) {
			continue
		}
		if key.Valid(r.ReceivedAt) {
			genuine = true
		} else {
			detail = event.DetailExpiredSecret
		}
	}
	switch {
	case genuine:
		return presented, event.Verdict{}, nil
	case unresolved != nil:
		return presented, event.Verdict{}, unresolved
	}
	return presented, event.Verdict{Reason: event.SignatureMismatch, Detail: detail}, nil
}
