// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// probePatience is above what eight GPUs without persistence mode need to wake up.
const probePatience = 60 * time.Second

// Probe runs a process that asks NVML and writes the answer as JSON on standard output: this program's
// hidden verb gpus. Whatever happens to that process, the caller gets an answer, at latest when the
// context ends: without GPUs, Driver.Missing says why.
func Probe(ctx context.Context, program string, args ...string) GPUs {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second // a process stuck in the driver cannot be killed: leave it
	if err := cmd.Run(); err != nil {
		return without(probeError(ctx, err, problems.String()))
	}
	var answer GPUs
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		return without(fmt.Errorf("the process that asks NVML gave no answer: %w", err))
	}
	return answer
}

func probeError(ctx context.Context, err error, stderr string) error {
	var exit *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return errors.New("NVML gave no answer in time: the driver hangs (the kernel's log has Xid lines)")
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit):
		first, _, _ := strings.Cut(strings.TrimSpace(stderr), "\n")
		return fmt.Errorf("asking NVML ended the process made for it (%w): the driver or its libnvidia-ml.so.1 is broken: %s", err, first)
	default:
		return fmt.Errorf("NVML: %w", err)
	}
}
