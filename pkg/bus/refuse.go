package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// refuseStream says why a setting of a stream must not be brought to what is declared, or returns an empty text.
func (b *Bus) refuseStream(ctx context.Context, setting string, s jetstream.Stream, want jetstream.StreamConfig) (string, error) {
	live, state := s.CachedInfo().Config, s.CachedInfo().State
	switch setting {
	case "retention", "storage", "persist_mode", "mirror", "sealed", "first_seq", "max_consumers", "allow_msg_counter":
		return "it cannot be changed without making the stream anew, which deletes what it holds", nil
	case "deny_delete", "deny_purge", "allow_msg_ttl", "allow_msg_schedules":
		return refuseUnset(setting, live), nil
	case "subjects":
		return refuseSubjects(live.Subjects, want.Subjects), nil
	case "max_bytes":
		return refuseBelow(state.Bytes, want.MaxBytes, "bytes", "--max-storage"), nil
	case "max_msgs":
		return refuseBelow(state.Msgs, want.MaxMsgs, "messages", ""), nil
	case "max_msgs_per_subject":
		return refusePerSubject(ctx, s, want.MaxMsgsPerSubject)
	case "max_age":
		return refuseAge(s.CachedInfo(), want.MaxAge), nil
	case "duplicate_window":
		return b.refuseWindow(ctx, live, want)
	case "num_replicas":
		if want.Replicas < live.Replicas {
			return fmt.Sprintf("there would be fewer copies: keep them by --replicas %d", live.Replicas), nil
		}
	}
	return "", nil
}

// refuseUnset says that what is switched on stays on: the server takes none of these back.
func refuseUnset(setting string, live jetstream.StreamConfig) string {
	on := map[string]bool{"deny_delete": live.DenyDelete, "deny_purge": live.DenyPurge, "allow_msg_ttl": live.AllowMsgTTL,
		"allow_msg_schedules": live.AllowMsgSchedules}
	if on[setting] {
		return "it cannot be unset on a stream that exists"
	}
	return ""
}

func refuseBelow(stored uint64, limit int64, unit, flag string) string {
	if limit <= 0 || stored <= uint64(limit) {
		return ""
	}
	keep := ""
	if flag != "" {
		keep = ": keep the size by " + flag + ", or wait until it holds less"
	}
	return fmt.Sprintf("it holds %d %s%s", stored, unit, keep)
}

func refusePerSubject(ctx context.Context, s jetstream.Stream, limit int64) (string, error) {
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		return "", classify(err)
	}
	for _, n := range info.State.Subjects {
		if reason := refuseBelow(n, limit, "messages of one subject", ""); reason != "" {
			return reason, nil
		}
	}
	return "", nil
}

func refuseAge(info *jetstream.StreamInfo, age time.Duration) string {
	if age <= 0 || info.State.Msgs == 0 || info.TimeStamp.Sub(info.State.FirstTime) <= age {
		return ""
	}
	return fmt.Sprintf("its oldest message is %s old and would be deleted: keep the age (--horizon and --replay-memory set those of replay keys), or wait until it holds nothing older",
		info.TimeStamp.Sub(info.State.FirstTime).Round(time.Second))
}

// refuseWindow keeps message ids on VERIFIED for as long as one that waits may still need them.
func (b *Bus) refuseWindow(ctx context.Context, live, want jetstream.StreamConfig) (string, error) {
	if want.Name != StreamVerified || want.Duplicates >= live.Duplicates {
		return "", nil
	}
	waiting, err := b.State(ctx, StreamUnverified, "")
	if errors.Is(err, jetstream.ErrStreamNotFound) || err == nil && waiting.Messages == 0 {
		return "", nil
	}
	if age := waiting.ServerTime.Sub(waiting.FirstTime); err == nil && age > want.Duplicates-dedupeMargin {
		return fmt.Sprintf("a request waits in %s since %s and could be verified twice: keep the window by --horizon, or wait until the verifiers are through",
			StreamUnverified, age.Round(time.Second)), nil
	}
	return "", err
}

// refuseSubjects says that somebody may still publish on a subject that would be dropped.
func refuseSubjects(live, want []string) string {
	for _, subject := range live {
		if !slices.ContainsFunc(want, func(w string) bool { return covers(w, subject) }) {
			return fmt.Sprintf("what is published on %s would not be stored any more", subject)
		}
	}
	return ""
}

// covers reports whether every subject that matches narrow matches wide too.
func covers(wide, narrow string) bool {
	w, n := strings.Split(wide, "."), strings.Split(narrow, ".")
	for i, token := range w {
		switch {
		case token == ">":
			return len(n) > i
		case i >= len(n), token != n[i] && (token != "*" || n[i] == ">"):
			return false
		}
	}
	return len(w) == len(n)
}

// refuseConsumer says why a setting of a consumer cannot be changed, or returns an empty text.
func refuseConsumer(setting string) string {
	switch setting {
	case "deliver_policy", "opt_start_seq", "opt_start_time", "ack_policy", "replay_policy", "mem_storage", "max_waiting",
		"deliver_subject", "flow_control", "idle_heartbeat":
		return "it cannot be changed on a consumer that exists, and one made anew forgets what was delivered"
	}
	return ""
}
