package target

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mountDisk mounts a disk of a size at dir, in memory.
func mountDisk(dir string, bytes int64) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("a small disk can only be mounted by root: run this scenario as root, or leave it out")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := unix.Mount("chaos", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		return fmt.Errorf("mount a small disk: %w", err)
	}
	return nil
}

// unmountDisk unmounts it, also while files on it are open.
func unmountDisk(dir string) { _ = unix.Unmount(dir, unix.MNT_DETACH) } // errs when it was never mounted
