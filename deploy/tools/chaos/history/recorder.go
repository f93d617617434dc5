package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
)

// Recorder writes a history as it happens. It is safe for concurrent use; whoever made it closes it.
type Recorder struct {
	next atomic.Int64

	mu  sync.Mutex
	out *bufio.Writer
	h   History
	err error // the first of writing
}

// NewRecorder returns a recorder that writes JSON lines to out.
func NewRecorder(out io.Writer) *Recorder { return &Recorder{out: bufio.NewWriterSize(out, 1<<20)} }

// Next returns the number of the next attempt, from 1 on.
func (r *Recorder) Next() int { return int(r.next.Add(1)) }

// Run records what the run is made of.
func (r *Recorder) Run(v Run) { r.add(line{Run: &v}) }

// Policy records that a webhook is configured.
func (r *Recorder) Policy(v Policy) { r.add(line{Policy: &v}) }

// Attempt records a request before it is sent.
func (r *Recorder) Attempt(v Attempt) { r.add(line{Attempt: &v}) }

// Answer records what came of an attempt.
func (r *Recorder) Answer(v Answer) { r.add(line{Answer: &v}) }

// Fault records a blow.
func (r *Recorder) Fault(v Fault) { r.add(line{Fault: &v}) }

// Crash records a process that ended as none may.
func (r *Recorder) Crash(v Crash) { r.add(line{Crash: &v}) }

// Broken records a promise that did not hold.
func (r *Recorder) Broken(v Broken) { r.add(line{Broken: &v}) }

// Message records a message that a stream held at the end.
func (r *Recorder) Message(v Message) { r.add(line{Message: &v}) }

func (r *Recorder) add(l line) {
	b, err := json.Marshal(l)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		_, err = r.out.Write(append(b, '\n'))
	}
	if r.err == nil {
		r.err = err
	}
	r.h.take(l)
}

// History returns a copy of what was recorded so far.
func (r *Recorder) History() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.h
	h.Policies, h.Attempts, h.Answers = slices.Clone(h.Policies), slices.Clone(h.Attempts), slices.Clone(h.Answers)
	h.Faults, h.Crashes, h.Broken = slices.Clone(h.Faults), slices.Clone(h.Crashes), slices.Clone(h.Broken)
	h.Messages = slices.Clone(h.Messages)
	return h
}

// Faults returns how many blows have struck so far.
func (r *Recorder) Faults() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.h.Faults)
}

// Close writes what is buffered and returns the first error of all writing.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.err, r.out.Flush())
}

func (h *History) take(l line) {
	switch {
	case l.Run != nil:
		h.Run = *l.Run
	case l.Policy != nil:
		h.Policies = append(h.Policies, *l.Policy)
	case l.Attempt != nil:
		h.Attempts = append(h.Attempts, *l.Attempt)
	case l.Answer != nil:
		h.Answers = append(h.Answers, *l.Answer)
	case l.Fault != nil:
		h.Faults = append(h.Faults, *l.Fault)
	case l.Crash != nil:
		h.Crashes = append(h.Crashes, *l.Crash)
	case l.Broken != nil:
		h.Broken = append(h.Broken, *l.Broken)
	case l.Message != nil:
		h.Messages = append(h.Messages, *l.Message)
	}
}

// Read reads a history that a Recorder wrote.
func Read(in io.Reader) (History, error) {
	var h History
	for d := json.NewDecoder(bufio.NewReader(in)); ; {
		var l line
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			return h, nil
		} else if err != nil {
			return h, err
		}
		h.take(l)
	}
}
