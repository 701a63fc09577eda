// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"mlperf-ssd/orchestrator/internal/discover"
)

// onOwnThread runs f on a thread that is thrown away after it.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock
		f()
	}()
	<-done
}

// threadList is a line of the calling thread's status.
func threadList(t *testing.T, key string) discover.CPUSet {
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		t.Error(err)
		return nil
	}
	_, after, _ := strings.Cut(string(status), key+":")
	line, _, _ := strings.Cut(after, "\n")
	set, err := discover.ParseCPUSet(line)
	if err != nil {
		t.Error(err)
	}
	return set
}

// policy is the calling thread's memory policy and its first 1,024 nodes.
func policy(t *testing.T) (mode int32, nodes discover.CPUSet) {
	var mask [1024 / 64]uint64
	_, _, errno := unix.RawSyscall6(unix.SYS_GET_MEMPOLICY, uintptr(unsafe.Pointer(&mode)), uintptr(unsafe.Pointer(&mask[0])), 1024, 0, 0, 0)
	if errno != 0 {
		t.Error(errno)
	}
	for id := range 1024 {
		if mask[id/64]>>(id%64)&1 == 1 {
			nodes = append(nodes, id)
		}
	}
	return mode, nodes
}

func TestApply(t *testing.T) {
	onOwnThread(func() {
		all := threadList(t, "Cpus_allowed_list")
		last := all[len(all)-1:]
		if err := bindCPUs(last); err != nil {
			t.Error(err)
		}
		if got := threadList(t, "Cpus_allowed_list"); !slices.Equal(got, last) {
			t.Errorf("bound to %v, want %v", got, last)
		}
	})
	onOwnThread(func() {
		node := threadList(t, "Mems_allowed_list")[:1]
		err := bindMemory(node)
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
			t.Log("memory is not bound here: ", err)
			return
		}
		if err != nil {
			t.Error(err)
		}
		if mode, nodes := policy(t); mode != mpolBind || !slices.Equal(nodes, node) {
			t.Errorf("policy %d of nodes %v, want %d of %v", mode, nodes, mpolBind, node)
		}
	})
}

// TestApplyRefused: what the kernel refuses is an error and changes nothing.
func TestApplyRefused(t *testing.T) {
	onOwnThread(func() {
		before := threadList(t, "Cpus_allowed_list")
		err := Apply(discover.CPUSet{8190}, discover.CPUSet{1000})
		if err == nil || !strings.Contains(err.Error(), "processors 8190: none of them is online") || !strings.Contains(err.Error(), "memory nodes 1000: ") {
			t.Errorf("%v", err)
		}
		if got := threadList(t, "Cpus_allowed_list"); !slices.Equal(got, before) {
			t.Errorf("bound to %v, want %v", got, before)
		}
		if err := Apply(nil, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestRefusals(t *testing.T) {
	for errno, words := range map[unix.Errno]string{unix.EPERM: "--cap-add=SYS_NICE", unix.ENOSYS: "seccomp", unix.EFAULT: "bad address"} {
		if err := refusal(errno); !errors.Is(err, errno) || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %q", err, words)
		}
	}
}

func TestArgs(t *testing.T) {
	r := Rank{UUID: "GPU-1", CPUs: discover.CPUSet{0, 1, 8}, Memory: discover.CPUSet{0}, Network: "mlx5_1"}
	if got, want := r.Args("/p", "worker", "-v"), []string{"bind", "--die-with-parent", "--cpus=0-1,8", "--memory=0", "--", "/p", "worker", "-v"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := (Rank{}).Args("/p"), []string{"bind", "--die-with-parent", "--", "/p"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	set := func(name string) (string, bool) { return "", name == "UCX_NET_DEVICES" }
	none := func(string) (string, bool) { return "", false }
	if got, want := r.Environment(none), []string{"CUDA_VISIBLE_DEVICES=GPU-1", "UCX_NET_DEVICES=mlx5_1:1", "OMPI_MCA_btl_openib_if_include=mlx5_1"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := r.Environment(set), []string{"CUDA_VISIBLE_DEVICES=GPU-1", "OMPI_MCA_btl_openib_if_include=mlx5_1"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := (Rank{}).Environment(none); got != nil {
		t.Errorf("%q", got)
	}
}
