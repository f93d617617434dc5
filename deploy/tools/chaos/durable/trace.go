package durable

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// Strace returns the command line, up to that of the server, that writes to path what Read reads.
func Strace(path string) []string {
	return []string{"strace", "-f", "-y", "-qq", "--seccomp-bpf", "-s", "65536", "-e", "trace=write,writev,pwrite64,pwritev,fsync,fdatasync", "-o", path}
}

// Marker returns the text that a message has to hold in its body.
func Marker(i int) string { return fmt.Sprintf("durable-%06d.", i) }

var (
	marker = regexp.MustCompile(`durable-\d{6}\.`)
	// callLine is "PID name(FD<path>, ...": a whole call, or the begin of one. The arguments are on it in either case.
	callLine    = regexp.MustCompile(`^(\d+) +(\w+)\((\d+)<([^>]*)>(.*)$`)
	pieces      = regexp.MustCompile(`", iov_len=\d+\}, \{iov_base="`) // between parts of what one writev wrote
	resumedLine = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>`)
)

// Trace is what was seen of one stream.
type Trace struct {
	Messages int      // of which bytes were written
	Acks     int      // acknowledgements that left the server
	Acked    int      // messages that they cover
	Syncs    int      // fsyncs of the files that hold messages
	Early    []string // acknowledgements that left before the message was on the disk
}

// call is one system call. Its line counts where it began; it has ended once end is set.
type call struct {
	name, path, args string
}

// reader follows the files that hold messages. A message is on the disk once an fsync has returned that began after the
// write of its bytes had returned.
type reader struct {
	*Trace
	dir      string // of the files that hold the stream's messages
	ack      *regexp.Regexp
	under    map[string]call // calls that have not returned, by thread
	seen     map[string]bool // markers
	written  map[string][]int
	syncing  map[string][]int // by thread: the messages that its fsync will have put on the disk
	onDisk   map[int]bool     // by sequence in the stream, which is the order of the writes
	sequence int
}

// Read reads a trace and follows one stream, of which every message carries a Marker. It counts as acknowledged what the server
// says it stored in the stream, by its sequence and every one before.
func Read(trace io.Reader, stream string) (Trace, error) {
	r := &reader{Trace: &Trace{}, dir: "/streams/" + stream + "/msgs/", under: map[string]call{}, seen: map[string]bool{}, written: map[string][]int{},
		syncing: map[string][]int{}, onDisk: map[int]bool{},
		ack: regexp.MustCompile(`\{\\"stream\\":\\"` + regexp.QuoteMeta(stream) + `\\",.{0,200}?\\"seq\\":(\d+)[,}]`)}
	in := bufio.NewReaderSize(trace, 1<<20)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			r.line(strings.TrimSuffix(line, "\n"))
		}
		if err == io.EOF {
			r.Messages = r.sequence
			return *r.Trace, nil
		}
		if err != nil {
			return *r.Trace, err
		}
	}
}

func (r *reader) line(text string) {
	if m := resumedLine.FindStringSubmatch(text); m != nil {
		if c, ok := r.under[m[1]]; ok {
			delete(r.under, m[1])
			r.returned(m[1], c)
		}
		return
	}
	m := callLine.FindStringSubmatch(text)
	if m == nil {
		return
	}
	c := call{name: m[2], path: m[4], args: m[5]}
	r.began(m[1], c)
	if strings.HasSuffix(text, "<unfinished ...>") {
		r.under[m[1]] = c
		return
	}
	r.returned(m[1], c)
}

// began takes what a call does by being made: an acknowledgement may have left, and an fsync covers what was written before.
func (r *reader) began(thread string, c call) {
	switch {
	case c.sync():
		r.syncing[thread] = r.written[c.path]
	case !r.holds(c):
		for _, m := range r.ack.FindAllStringSubmatch(pieces.ReplaceAllString(c.args, ""), -1) {
			n, _ := strconv.Atoi(m[1]) // digits
			r.acknowledged(n)
		}
	}
}

// returned takes what a call has done by its end.
func (r *reader) returned(thread string, c call) {
	switch {
	case c.sync():
		if len(r.syncing[thread]) > 0 {
			r.Syncs++
		}
		for _, n := range r.syncing[thread] {
			r.onDisk[n] = true
		}
		delete(r.syncing, thread)
	case r.holds(c):
		for _, text := range marker.FindAllString(c.args, -1) {
			if r.seen[text] {
				continue
			}
			r.seen[text] = true
			r.sequence++
			r.written[c.path] = append(r.written[c.path], r.sequence)
		}
	}
}

func (r *reader) acknowledged(sequence int) {
	r.Acks++
	for n := r.Acked + 1; n <= sequence; n++ {
		if !r.onDisk[n] {
			r.Early = append(r.Early, fmt.Sprintf("the acknowledgement of message %d left before message %d was on the disk", sequence, n))
		}
	}
	r.Acked = max(r.Acked, sequence)
}

func (c call) sync() bool { return c.name == "fsync" || c.name == "fdatasync" }

// holds reports whether a call is on a file of the stream's messages.
func (r *reader) holds(c call) bool { return strings.Contains(c.path, r.dir) }
