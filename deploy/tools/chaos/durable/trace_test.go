package durable_test

import (
	"strings"
	"testing"

	"github.com/hookproof/hookproof/deploy/tools/chaos/durable"
)

func TestRead(t *testing.T) {
	const (
		write1  = `10 pwrite64(9</d/streams/S/msgs/1.blk>, "..durable-000001.", 17, 0) = 17`
		write2  = `10 pwrite64(9</d/streams/S/msgs/1.blk>, "..durable-000002.", 17, 17) = 17`
		sync    = `10 fsync(9</d/streams/S/msgs/1.blk>) = 0`
		syncOf2 = `10 fsync(9</d/streams/S/msgs/2.blk>) = 0`
		began   = `10 fsync(9</d/streams/S/msgs/1.blk> <unfinished ...>`
		ended   = `10 <... fsync resumed>) = 0`
		ack1    = `11 write(12<socket:[1]>, "MSG _INBOX.a 1 30\r\n{\"stream\":\"S\", \"seq\":1}\r\n", 40) = 40`
		ack2    = `11 writev(12<socket:[1]>, [{iov_base="MSG _INBOX.b 1 30\r\n{\"stream\":\"S\", \"seq\":2}\r\n", iov_len=40}], 1) = 40`
		pieces2 = `11 writev(12<socket:[1]>, [{iov_base="{\"stream\":\"S\",\"s", iov_len=14}, {iov_base="eq\":2}\r\n", iov_len=8}], 2) = 22`
		batch2  = `11 write(12<socket:[1]>, "{\"stream\":\"S\",\"domain\":\"d\",\"seq\":2,\"batch\":\"x\",\"count\":2}\r\n", 40) = 40`
		other   = `11 write(12<socket:[1]>, "{\"stream\":\"T\", \"seq\":9}\r\n", 40) = 40`
	)
	for _, c := range []struct {
		name        string
		lines       []string
		early, acks int
	}{
		{"written, synced, acknowledged", []string{write1, sync, ack1, write2, sync, ack2}, 0, 2},
		{"one fsync for two", []string{write1, write2, sync, ack1, ack2}, 0, 2},
		{"one acknowledgement for two", []string{write1, write2, sync, batch2}, 0, 1},
		{"an acknowledgement in pieces", []string{write1, sync, ack1, write2, pieces2}, 1, 2},
		{"another stream's", []string{write1, other, sync, ack1}, 0, 1},
		{"never synced", []string{write1, ack1}, 1, 1},
		{"synced too late", []string{write1, ack1, sync}, 1, 1},
		{"synced before it was written", []string{sync, write1, ack1}, 1, 1},
		{"in the file of another stream", []string{strings.Replace(write1, "streams/S", "streams/T", 1), strings.Replace(sync, "streams/S", "streams/T", 1), ack1}, 1, 1},
		{"another file synced", []string{write1, syncOf2, ack1}, 1, 1},
		{"a batch of which one is not synced", []string{write1, sync, write2, batch2}, 1, 1},
		{"acknowledged before the fsync returned", []string{write1, began, ack1, ended}, 1, 1},
		{"written while the fsync ran", []string{write1, began, strings.Replace(write2, "10 ", "13 ", 1), ended, ack1, ack2}, 1, 2},
		{"acknowledged after the fsync returned", []string{write1, began, ended, ack1}, 0, 1},
		{"acknowledged, and nothing was written", []string{ack1}, 1, 1},
	} {
		got, err := durable.Read(strings.NewReader(strings.Join(c.lines, "\n")), "S")
		if err != nil || len(got.Early) != c.early || got.Acks != c.acks {
			t.Errorf("%s: %+v, %v; want %d early of %d acknowledgements", c.name, got, err, c.early, c.acks)
		}
	}
}
