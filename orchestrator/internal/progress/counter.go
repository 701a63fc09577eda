// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
)

// Counter shows "drawing 12 of 640 images" on a terminal, rewritten in place; nothing elsewhere. Safe for
// concurrent use.
type Counter struct {
	out  io.Writer // nil: no terminal
	verb string

	mu   sync.Mutex
	most int
}

// NewCounter shows what a verb does to images.
func NewCounter(out *os.File, verb string) *Counter {
	if !IsTerminal(out) {
		return &Counter{verb: verb}
	}
	return &Counter{out: out, verb: verb}
}

// Begin counts something else from now on.
func (n *Counter) Begin(verb string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.verb, n.most = verb, 0
}

// Update tells that done of total are there.
func (n *Counter) Update(done, total int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.out != nil && done > n.most {
		n.most = done
		fmt.Fprintf(n.out, "\r\x1b[K%s %d of %d images", n.verb, done, total)
	}
}

// Clear takes the line away.
func (n *Counter) Clear() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.most > 0 {
		fmt.Fprint(n.out, "\r\x1b[K")
	}
}
