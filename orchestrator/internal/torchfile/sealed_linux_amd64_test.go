// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package torchfile

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"mlperf-ssd/orchestrator/internal/torchfile/torchtest"
)

// sealedVariable makes the test program a child that does one thing without the right to open anything.
const sealedVariable = "TORCHFILE_SEALED"

// TestHostileFilesOpenNothing reads hostile files in a process that the kernel kills when it opens a
// file, a socket or a process. That it would is seen by trying.
func TestHostileFilesOpenNothing(t *testing.T) {
	for _, c := range []struct {
		does   string
		killed bool
	}{{"read", false}, {"open", true}, {"listen", true}, {"run", true}} {
		child := exec.Command(os.Args[0], "-test.run=^TestSealedChild$", "-test.v")
		child.Env = append(os.Environ(), sealedVariable+"="+c.does)
		out, err := child.CombinedOutput()
		if strings.Contains(string(out), "--- SKIP") {
			t.Skipf("no seccomp filter can be set here: %s", out)
		}
		status, _ := child.ProcessState.Sys().(syscall.WaitStatus)
		switch {
		case c.killed && (!status.Signaled() || status.Signal() != unix.SIGSYS):
			t.Errorf("%s: %v, must be killed: %s", c.does, err, out)
		case !c.killed && (err != nil || !strings.Contains(string(out), "files refused")):
			t.Errorf("%s: %v: %s", c.does, err, out)
		}
	}
}

func TestSealedChild(t *testing.T) {
	does := os.Getenv(sealedVariable)
	if does == "" {
		t.Skip("only a part of TestHostileFilesOpenNothing")
	}
	files := hostileFiles(t)
	good := vector(t)
	before := openFiles()
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		t.Fatal(err)
	}
	if err := seal(); err != nil {
		t.Skip(err)
	}
	switch does {
	case "open":
		_, _ = os.Open("/dev/null")
	case "listen":
		_, _ = net.Listen("tcp", "127.0.0.1:0")
	case "run":
		_ = exec.Command("/bin/true").Run()
	case "read":
		refused := 0
		for _, b := range files {
			if consume(b) != nil {
				refused++
			}
		}
		if refused < 30 {
			t.Errorf("%d of %d files refused", refused, len(files))
		}
		if err := consume(good); err != nil {
			t.Error(err)
		}
		if after := openFiles(); after != before {
			t.Errorf("%d files are open, before it were %d", after, before)
		}
		fmt.Printf("%d files refused\n", refused)
	}
}

// consume reads all that is in a file.
func consume(b []byte) error {
	f, err := read(b)
	if err != nil {
		return err
	}
	for _, name := range f.Names() {
		if _, err := f.Bytes(name); err != nil {
			return err
		}
	}
	return nil
}

// hostileFiles are pickles that would run things, in both formats, whatever fuzzing has found, and a good
// file with each of its bytes changed.
func hostileFiles(t *testing.T) [][]byte {
	t.Helper()
	var files [][]byte
	for _, name := range [][2]string{
		{"os", "system"}, {"posix", "system"}, {"subprocess", "Popen"}, {"builtins", "eval"}, {"builtins", "exec"},
		{"builtins", "open"}, {"builtins", "__import__"}, {"socket", "create_connection"}, {"io", "open"}, {"shutil", "rmtree"},
		{"torch", "load"}, {"torch.hub", "load_state_dict_from_url"}, {"urllib.request", "urlopen"}, {"pathlib", "Path"}, {"runpy", "run_path"},
	} {
		p := program(func(p *torchtest.Pickle) {
			p.Global(name[0], name[1]).Text("/etc/passwd").Op(0x85).Op('R')
		})
		files = append(files, torchtest.LegacyOf(p), mustZip(t,
			torchtest.Entry{Name: "a/data.pkl", Content: p.Bytes()}, torchtest.Entry{Name: "a/version", Content: []byte("3")}))
	}
	found, err := filepath.Glob(filepath.Join("testdata", "fuzz", "FuzzRead", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, b)
	}
	for i, good := range [][]byte{vector(t), mustZip(t, torchtest.Entries(some()...)...)} {
		for at := range good {
			changed := append([]byte(nil), good...)
			changed[at] ^= byte(1 << (at % 8))
			files = append(files, changed, good[:at])
		}
		if i == 1 {
			files = append(files, append(good, good...))
		}
	}
	return files
}

// openFiles counts descriptors without opening one.
func openFiles() int {
	n := 0
	for fd := range uintptr(1024) {
		if _, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n
}

// seal makes the kernel kill the process at its next attempt to open anything. Threads are allowed, as
// Go's runtime makes some of its own accord.
func seal() error {
	const (
		offsetNumber, offsetArch, offsetFirst = 0, 4, 16
		x32                                   = 0x40000000
		allow, kill                           = unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_KILL_PROCESS
	)
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	jump := func(how uint16, k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | how | unix.BPF_K, K: k, Jt: yes, Jf: no}
	}
	end := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	filter := []unix.SockFilter{
		load(offsetArch), jump(unix.BPF_JEQ, unix.AUDIT_ARCH_X86_64, 1, 0), end(kill),
		load(offsetNumber), jump(unix.BPF_JGE, x32, 0, 1), end(kill),
		// clone: the low word of its flags.
		jump(unix.BPF_JEQ, unix.SYS_CLONE, 0, 4),
		load(offsetFirst), jump(unix.BPF_JSET, unix.CLONE_THREAD, 0, 1), end(allow), end(kill),
	}
	// clone3 hides its flags; without it the C library takes clone.
	filter = append(filter, jump(unix.BPF_JEQ, unix.SYS_CLONE3, 0, 1), end(unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS)))
	for _, number := range []uint32{
		unix.SYS_OPEN, unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_CREAT, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_MEMFD_CREATE,
		unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_ACCEPT, unix.SYS_ACCEPT4,
		unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_FORK, unix.SYS_VFORK, unix.SYS_PTRACE,
		unix.SYS_IO_URING_SETUP, unix.SYS_MKDIR, unix.SYS_MKDIRAT, unix.SYS_UNLINK, unix.SYS_UNLINKAT, unix.SYS_RENAME,
		unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINK, unix.SYS_LINKAT, unix.SYS_SYMLINK, unix.SYS_SYMLINKAT,
	} {
		filter = append(filter, jump(unix.BPF_JEQ, number, 0, 1), end(kill))
	}
	filter = append(filter, end(allow))
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 || thread != 0 {
		return fmt.Errorf("seccomp: %w (thread %d)", errno, thread)
	}
	return nil
}
