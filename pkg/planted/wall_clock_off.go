//go:build !planted_wall_clock

package planted

// WallClock is the switch of planted_wall_clock.
const WallClock = false
