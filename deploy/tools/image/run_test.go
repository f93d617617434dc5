package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// checkRuns runs the image's program with the image's files alone, as its user, as a container runtime does: the version,
// and then everything in one process, until it says that it is ready and ends when told to.
func checkRuns(t *testing.T, all map[string]file) {
	t.Helper()
	root := t.TempDir()
	unpack(t, all, root)
	if err := os.Chmod(root, 0o755); err != nil { // #nosec G302 -- the image's root
		t.Fatal(err)
	}
	out, err := inside(root, "version").Output()
	if err != nil || !bytes.HasPrefix(out, []byte("hookproof "+version+" ")) {
		t.Fatalf("version = %q, %v", trimmed(out), err)
	}
	admin := freeAddress(t)
	cmd := inside(root, "all", "--listen", freeAddress(t), "--nats-listen", "", "--admin-listen", admin)
	cmd.Env = append(cmd.Env, "WEBHOOK_SECRET=a secret that only the tests know")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); !answers("http://" + admin + "/readyz"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("not ready after 30 s")
			break
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil || t.Failed() {
		t.Errorf("it ended with %v:\n%s", err, log.Bytes())
	}
}

// inside returns the image's program in a root of its own, as the image's user. Who is not root gets there by a user namespace.
func inside(root string, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Dir = "/" + dataDir
	cmd.Env = []string{"HOOKPROOF_DATA_DIR=/" + dataDir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: uid}
		return cmd
	}
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Getuid(), Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Getgid(), Size: 1}}
	return cmd
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
