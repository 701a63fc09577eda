// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// asNobody calls f on a thread that may do what user nobody may, if this process is root's.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	var done sync.WaitGroup
	done.Go(func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		const nobody, same = 65534, ^uintptr(0)
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, same, nobody, same); errno != 0 {
			t.Errorf("setresuid: %v", errno)
			return
		}
		f()
	})
	done.Wait()
}

func TestWhatCannotBeWrittenIsFoundBefore(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // nobody must get there
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(at("file"), nil, 0o600),
		os.Mkdir(at("open"), 0o755), os.Chmod(at("open"), 0o777),
		os.Mkdir(at("closed"), 0o555),
		os.Symlink(at("nowhere"), at("link")),
		os.MkdirAll(at("folder/result_1.txt"), 0o755), os.Chmod(at("folder"), 0o777),
		os.Mkdir(at("piped"), 0o755), os.Chmod(at("piped"), 0o777), unix.Mkfifo(at("piped/run.json"), 0o666),
		os.Mkdir(at("kept"), 0o755), os.Chmod(at("kept"), 0o777), os.WriteFile(at("kept/result_0.txt"), nil, 0o444),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ sets, want string }{
		{"run.log_dir=" + at("open"), ""},
		{"run.log_dir=" + at("open/a/b/../c"), ""},
		{"run.log_dir=" + at("file"), "--set: run.log_dir: files cannot be made there: open " + at("file") + ": not a directory"},
		{"run.log_dir=" + at("file/a"), at("file/a") + ": not a directory"},
		{"run.log_dir=" + at("link"), at("link") + ": no such file"},
		{"run.log_dir=" + at("link/a"), at("link") + ": no such file"},
		{"run.log_dir=" + at("closed"), "write " + at("closed") + ": permission denied"},
		{"run.log_dir=" + at("closed/a"), "write " + at("closed") + ": permission denied"},
		{"run.log_dir=" + at("folder"), ""},
		{"run.log_dir=" + at("folder") + " run.trials=2", at("folder/result_1.txt") + ": not a regular file: move it away"},
		{"run.log_dir=" + at("piped"), at("piped/run.json") + ": not a regular file: move it away"},
		{"run.log_dir=" + at("kept"), "write " + at("kept/result_0.txt") + ": permission denied"},
		{"run.log_dir=" + at("open") + " eval.detections=" + at("closed/a"), "--set: eval.detections: files cannot be made there: write " + at("closed")},
	} {
		c := configuration(t, strings.Fields(test.sets)...)
		var err error
		asNobody(t, func() { err = checkWritable(c) })
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.sets, err, test.want)
		}
	}
	for _, name := range []string{"open/a", "nowhere"} {
		if _, err := os.Stat(at(name)); err == nil {
			t.Errorf("%s was made", name)
		}
	}
}
