// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package exit

import (
	"os"
	"os/signal"
	"syscall"
)

// Demands are the signals that ask the program to end whatever it does: also that its terminal is gone,
// unless nohup has it ignored. Ctrl-C may be a question first.
func Demands() []os.Signal {
	if signal.Ignored(syscall.SIGHUP) {
		return []os.Signal{syscall.SIGTERM}
	}
	return []os.Signal{syscall.SIGTERM, syscall.SIGHUP}
}
