package main

import "testing"

func TestHeapGrowth(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, 1600}, {4 << 20, 1600}, {16 << 20, 400}, {32 << 20, 200}, {256 << 20, 200}, {400 << 20, 128}, {512 << 20, 100}, {4 << 30, 100},
	} {
		if got := heapGrowth(c.live); got != c.want {
			t.Errorf("heapGrowth(%d) = %d, want %d", c.live, got, c.want)
		}
	}
}
