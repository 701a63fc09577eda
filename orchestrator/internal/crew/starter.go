// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package crew

import (
	"context"
	"io"
	"time"
)

// Starter runs the workers of a job, one process a rank. The launcher serves the rendezvous meanwhile.
type Starter interface {
	// Host is what the workers call the machine of the launcher, which listens on all its addresses.
	Host() string
	// Run starts the workers, gives each of them the same words, and returns when the last one has
	// ended. One that fails ends the others. When the context ends they get SIGTERM, and SIGKILL after
	// the grace. The error says that something failed; what failed first, the rendezvous knows.
	Run(ctx context.Context, w Workers) error
}

// Workers is what every rank runs: this program with the given arguments.
type Workers struct {
	Args   []string
	Input  []byte // on standard input: the access to the rendezvous, a secret
	Stdout io.Writer
	Stderr io.Writer
	Grace  time.Duration
	// Ended hears of ranks that ended badly, by their exit status, from starters that know it; from any
	// goroutine.
	Ended func(rank int, err error)
}
