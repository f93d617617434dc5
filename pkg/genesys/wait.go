package genesys

import "context"

// maxPollFactor bounds the growth of the pause between two polls, in multiples of Config.PollInterval.
const maxPollFactor = 15

// WaitIntegration polls an integration until Genesys Cloud has created it, and returns it. The pause between polls grows
// by half each time. The error wraps ErrCreation if the creation ended in one, and the cause of ctx's end if that came
// first. It needs messaging:integration:view.
func (c *Client) WaitIntegration(ctx context.Context, id string) (OpenMessaging, error) {
	pause := c.cfg.PollInterval
	for {
		o, err := c.GetIntegration(ctx, id)
		if err != nil {
			return o, err
		}
		switch o.CreateStatus {
		case CreateCompleted, "": // an integration that was not created asynchronously has no status
			return o, nil
		case CreateFailed:
			return o, c.creationError(o)
		}
		if err := sleep(ctx, pause); err != nil {
			return o, &Error{Op: waitOp, repeatable: true, cause: err}
		}
		pause = min(pause+pause/2, maxPollFactor*c.cfg.PollInterval)
	}
}

const waitOp = "WaitIntegration"

func (c *Client) creationError(o OpenMessaging) *Error {
	clean := c.redact()
	return &Error{
		Op: waitOp, repeatable: true, cause: ErrCreation,
		Code: clip(clean(o.CreateError.Code), maxCode), Message: clip(clean(o.CreateError.Message), maxMessage),
	}
}
