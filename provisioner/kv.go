package provisioner

import (
	"context"
	"errors"
	"fmt"

	"github.com/hookproof/hookproof/pkg/bus"
)

// put writes a key over the entry that was read. Losing against another writer is errLost.
func (w *work) put(ctx context.Context, bucket string, over bus.Entry, value []byte) (uint64, error) {
	revision, err := w.bus.PutIf(ctx, bucket, w.Webhook, value, over.Revision)
	return revision, lost(bucket, err)
}

// remove deletes a key as it was read, so that a removal that comes late never takes away what was written after it.
// Losing against another writer is errLost.
func (w *work) remove(ctx context.Context, bucket string, have bus.Entry) error {
	err := w.bus.DeleteIf(ctx, bucket, w.Webhook, have.Revision)
	return lost(bucket, err)
}

func lost(bucket string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bus.ErrConflict):
		return fmt.Errorf("%s: %w: %w", bucket, errLost, err)
	default:
		return fmt.Errorf("%s: %w", bucket, err)
	}
}
