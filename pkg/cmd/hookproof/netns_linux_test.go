package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// inNamespace runs the test once more, in a network of its own, where the ports that the pages name are free whatever else
// runs on the machine, and with process ids of its own, so that all that it started ends with it. It needs root or the right
// to make user namespaces. Its output is the test's.
func inNamespace(t *testing.T, env ...string) {
	t.Helper()
	runtime.LockOSThread() // which Pdeathsig is bound to
	defer runtime.UnlockOSThread()
	err := runInside(t, env, os.Geteuid() != 0)
	if errors.Is(err, syscall.EPERM) && os.Geteuid() == 0 { // root in a container
		err = runInside(t, env, true)
	}
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("this test needs a network namespace, and the machine allows none: run it as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0): %v", err)
	}
	if err != nil {
		t.Errorf("in a network of its own: %v", err)
	}
}

// runInside runs the test in namespaces, which whoever is not root may make as the root of a user namespace.
func runInside(t *testing.T, env []string, asUser bool) error {
	cmd := exec.CommandContext(t.Context(), "netns", os.Args[0], "-test.run", "^"+regexp.QuoteMeta(t.Name())+"$", "-test.v")
	cmd.Env = append(append(os.Environ(), insideVariable+"=1"), env...)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	cmd.WaitDelay = 30 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if asUser {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return cmd.Run()
}

// insideVariable says that a test runs in a network of its own.
const insideVariable = "HOOKPROOF_TEST_INSIDE"

func inside() bool { return os.Getenv(insideVariable) != "" }

// netns is the command of that name: it brings the loopback of its network up, and becomes the command that it is given.
func netns() {
	err := loopbackUp()
	if hosts := os.Getenv(hostsVariable); err == nil && hosts != "" {
		err = replaceHosts(hosts)
	}
	if err == nil {
		err = syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "netns:", err)
	os.Exit(1)
}

// hostsVariable names a file that stands for /etc/hosts inside.
const hostsVariable = "HOOKPROOF_TEST_HOSTS"

// replaceHosts puts a file in the place of /etc/hosts, for these namespaces alone.
func replaceHosts(path string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts of its own: %w", err)
	}
	if err := syscall.Mount(path, "/etc/hosts", "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("/etc/hosts: %w", err)
	}
	return nil
}

// loopbackUp does what "ip link set lo up" does: see netdevice(7).
func loopbackUp() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	request := struct {
		name  [16]byte
		flags uint16
		_     [22]byte
	}{flags: syscall.IFF_UP | syscall.IFF_RUNNING}
	copy(request.name[:], "lo")
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return fmt.Errorf("lo: %w", errno)
	}
	return nil
}
