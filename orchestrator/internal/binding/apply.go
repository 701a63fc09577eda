// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"mlperf-ssd/orchestrator/internal/discover"
)

// mpolBind is MPOL_BIND of linux/mempolicy.h.
const mpolBind = 2

// Apply binds the calling thread, and with it all that it starts or becomes by exec, to processors and
// memory nodes; an empty set binds nothing. The caller has locked its goroutine to its thread. What the
// kernel refuses is left as it was; the error names each refusal and the way out, and the process can
// go on without. Memory that is already there does not move.
func Apply(cpus, memory discover.CPUSet) error {
	return errors.Join(bindCPUs(cpus), bindMemory(memory))
}

func bindCPUs(cpus discover.CPUSet) error {
	if len(cpus) == 0 {
		return nil
	}
	mask := maskOf(cpus)
	_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETAFFINITY, 0, uintptr(len(mask)*bytesOfWord), uintptr(unsafe.Pointer(&mask[0])))
	switch errno {
	case 0:
		return nil
	case unix.EINVAL:
		return fmt.Errorf("binding: processors %v: none of them is online and in this process's cpuset: %w", cpus, errno)
	default:
		return fmt.Errorf("binding: processors %v: %w", cpus, refusal(errno))
	}
}

func bindMemory(nodes discover.CPUSet) error {
	if len(nodes) == 0 {
		return nil
	}
	mask := maskOf(nodes)
	// The kernel reads one bit fewer than it is told.
	_, _, errno := unix.RawSyscall(unix.SYS_SET_MEMPOLICY, mpolBind, uintptr(unsafe.Pointer(&mask[0])), uintptr(len(mask)*bytesOfWord*8+1))
	switch errno {
	case 0:
		return nil
	case unix.EINVAL:
		return fmt.Errorf("binding: memory nodes %v: none of them has memory that this process may use: %w", nodes, errno)
	default:
		return fmt.Errorf("binding: memory nodes %v: %w", nodes, refusal(errno))
	}
}

// refusal explains what a container does.
func refusal(errno unix.Errno) error {
	switch errno {
	case unix.EPERM:
		return fmt.Errorf("%w: in a container, give it the capability SYS_NICE (docker run --cap-add=SYS_NICE)", errno)
	case unix.ENOSYS:
		return fmt.Errorf("%w: this kernel or the container's seccomp profile has no such call", errno)
	}
	return errno
}

const bytesOfWord = int(unsafe.Sizeof(uintptr(0)))

// maskOf is the kernel's bit mask of a set that is not empty, in native words.
func maskOf(set discover.CPUSet) []uintptr {
	bits := bytesOfWord * 8
	mask := make([]uintptr, set[len(set)-1]/bits+1)
	for _, id := range set {
		mask[id/bits] |= 1 << (id % bits)
	}
	return mask
}
