// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package download fetches files over HTTP and trusts nothing that the server says: a download goes on
// where it broke only if the server proves that it is the same file, and it counts as done only when
// length and checksum hold.
package download

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"time"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/ctxio"
	"mlperf-ssd/orchestrator/internal/regularfile"
)

// maxAttempts bounds those that bring a little each.
const maxAttempts = 1000

// Options say how patient a download is. The zero value has the defaults.
type Options struct {
	Client   *http.Client            // nil: one of its own
	Attempts int                     // that bring nothing, in a row; 0: 6
	Backoff  time.Duration           // the first wait, doubled up to 32 times; 0: one second
	Stall    time.Duration           // without a byte, then the connection is given up; 0: 30 s
	MaxBytes int64                   // of the whole file; 0: one TiB
	Log      *zap.Logger             // nil: none
	Progress func(done, total int64) // total -1: not known; called often, by one goroutine
}

func (o Options) withDefaults() Options {
	if o.Client == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.DisableCompression = true // lengths are of the file
		o.Client = &http.Client{Transport: transport, CheckRedirect: mayFollow}
	}
	if o.Attempts == 0 {
		o.Attempts = 6
	}
	if o.Backoff == 0 {
		o.Backoff = time.Second
	}
	if o.Stall == 0 {
		o.Stall = 30 * time.Second
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 40
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	return o
}

// Sum is the checksum that a file must have.
type Sum struct {
	Name   string // of the algorithm
	New    func() hash.Hash
	Prefix string // its first hexadecimal digits, or all
}

// Result says what a download took.
type Result struct {
	Bytes   int64 `json:"bytes"`
	Resumed int64 `json:"resumed"` // bytes that an earlier call had left
}

// permanent marks an error that another attempt cannot mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Fetch makes path hold what url gives; a zero sum is not checked. Until then the bytes are in
// path.part, with what identifies the file beside it in path.part.json; both stay after an error that a
// later call can mend. Only one process at a time may fetch a path; the second gets an error.
func Fetch(ctx context.Context, url, path string, sum Sum, o Options) (Result, error) {
	result, err := fetch(ctx, url, path, sum, o.withDefaults())
	if err != nil {
		return Result{}, fmt.Errorf("download: %s: %w", url, err)
	}
	return result, nil
}

func fetch(ctx context.Context, url, path string, sum Sum, o Options) (Result, error) {
	p, err := openPartial(ctx, url, path, sum)
	if err != nil {
		return Result{}, err
	}
	defer p.close()
	resumed := p.size
	damaged := false
	best := p.size
	failed := 0
	for range maxAttempts {
		err = o.attempt(ctx, p)
		if err == nil {
			err = p.check(sum)
			if err == nil {
				return Result{p.size, resumed}, p.finish()
			}
			if damaged {
				return Result{}, errors.Join(err, p.discard())
			}
			damaged, resumed = true, 0
			if discardErr := p.discard(); discardErr != nil {
				return Result{}, errors.Join(err, discardErr)
			}
		}
		if stop := (permanent{}); errors.As(err, &stop) || ctx.Err() != nil {
			return Result{}, errors.Join(err, ctx.Err())
		}
		if p.size > best {
			best, failed = p.size, 0
		}
		if failed++; failed >= o.Attempts {
			break
		}
		wait := max(o.Backoff<<min(failed-1, 5), min(retryAfter(err), 32*o.Backoff))
		o.Log.Warn("download broke, goes on", zap.String("url", url), zap.Int64("have", p.size),
			zap.Duration("wait", wait), zap.Error(err))
		select {
		case <-ctx.Done():
			return Result{}, ctx.Err()
		case <-time.After(wait):
		}
	}
	return Result{}, fmt.Errorf("given up, %d attempts in a row brought nothing new: %w", failed, err)
}

// check holds the file against its checksum.
func (p *partial) check(sum Sum) error {
	if sum.New == nil {
		return nil
	}
	if got := p.digest(); len(got) < len(sum.Prefix) || got[:len(sum.Prefix)] != sum.Prefix {
		return fmt.Errorf("the %s begins with %s, must with %s: a damaged or another file", sum.Name, got[:min(len(got), len(sum.Prefix))], sum.Prefix)
	}
	return nil
}

// Verify holds a file that is there against a checksum.
func Verify(ctx context.Context, path string, sum Sum) error {
	file, err := regularfile.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	p := &partial{sum: sum.New()}
	if _, err := io.Copy(p.sum, ctxio.NewReader(ctx, file)); err != nil {
		return fmt.Errorf("%s: read: %w", path, err)
	}
	if err := p.check(sum); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
