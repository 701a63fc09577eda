// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Transfers shows how far downloads and archives are: bars on one line of a terminal, elsewhere a line
// for each tenth. Safe for concurrent use.
type Transfers struct {
	out      io.Writer
	terminal bool
	width    func() int // of the terminal
	now      func() time.Time

	mu    sync.Mutex
	all   []*transfer
	drawn time.Time
}

type transfer struct {
	name        string
	first, done int64
	total       int64 // -1: not known
	begin       time.Time
	tenths      int64 // told
}

// NewTransfers shows them on a file.
func NewTransfers(out *os.File) *Transfers {
	return &Transfers{out: out, terminal: IsTerminal(out), width: widthOf(out), now: time.Now}
}

// Update tells that done bytes of total are there.
func (t *Transfers) Update(step, item string, done, total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	one := t.find(step+" "+item, done, now)
	one.done, one.total = done, total
	if !t.terminal {
		tenths := int64(0)
		if total > 0 {
			tenths = 10 * done / total
		}
		if tenths > one.tenths {
			one.tenths = tenths
			fmt.Fprintln(t.out, one.text(now))
		}
		return
	}
	if now.Sub(t.drawn) < 100*time.Millisecond && done != total {
		return
	}
	t.drawn = now
	var texts []string
	for _, other := range t.all {
		if other.done != other.total {
			texts = append(texts, other.text(now))
		}
	}
	fmt.Fprint(t.out, "\r\x1b[K"+fit(strings.Join(texts, "  "), t.width()))
}

func (t *Transfers) find(name string, done int64, now time.Time) *transfer {
	for _, one := range t.all {
		if one.name == name {
			return one
		}
	}
	one := &transfer{name: name, first: done, begin: now, tenths: -1}
	t.all = append(t.all, one)
	return one
}

// Clear takes the line away.
func (t *Transfers) Clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.terminal && len(t.all) > 0 {
		fmt.Fprint(t.out, "\r\x1b[K")
	}
}

// text is for example "download a.zip [###.......]  30% of 120.0 MB, 12.5 MB/s".
func (t *transfer) text(now time.Time) string {
	const width = 10
	if t.total <= 0 {
		if t.done == 0 {
			return t.name
		}
		return fmt.Sprintf("%s %.1f MB", t.name, float64(t.done)/1e6)
	}
	share := float64(t.done) / float64(t.total)
	full := min(width, int(width*share))
	speed := ""
	if seconds := now.Sub(t.begin).Seconds(); seconds > 0 {
		speed = fmt.Sprintf(", %.1f MB/s", float64(t.done-t.first)/seconds/1e6)
	}
	return fmt.Sprintf("%s [%s%s] %3.0f%% of %.1f MB%s", t.name, strings.Repeat("#", full), strings.Repeat(".", width-full), 100*share, float64(t.total)/1e6, speed)
}
