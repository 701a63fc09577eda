// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// claim keeps other launches out of run.log_dir: two would write one log and take up each other's
// checkpoints. It lasts until release, or the end of the process. On a file system that has no locks,
// as some of networks, everybody gets in.
func claim(dir string) (release func(), err error) {
	folder, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("run.log_dir: %w", err)
	}
	if err := unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		_ = folder.Close()
		return nil, fmt.Errorf("run.log_dir: another launch runs in %s: wait for its end, or name another folder with --set run.log_dir=DIR", dir)
	}
	return func() { _ = folder.Close() }, nil
}
