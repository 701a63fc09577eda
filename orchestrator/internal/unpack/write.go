// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package unpack

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"sync"

	"mlperf-ssd/orchestrator/internal/ctxio"
)

// extractAll writes the files below scratch, by some workers.
func extractAll(ctx context.Context, entries []*zip.File, scratch string, total int64, o Options) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	root, err := os.OpenRoot(scratch) // a second wall: no path leads out of it
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	w := &writer{root: root, folder: o.Folder, total: total, progress: o.Progress}
	queue := make(chan *zip.File)
	var workers sync.WaitGroup
	for range max(1, o.Workers) {
		workers.Go(func() {
			for e := range queue {
				if err := w.entry(ctx, e); err != nil {
					cancel(fmt.Errorf("entry %q: %w", e.Name, err))
				}
			}
		})
	}
	for _, e := range entries {
		select {
		case queue <- e:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
	}
	close(queue)
	workers.Wait()
	return context.Cause(ctx)
}

type writer struct {
	root     *os.Root
	folder   string
	total    int64
	progress func(done, total int64)

	mu   sync.Mutex
	done int64
}

func (w *writer) entry(ctx context.Context, e *zip.File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	name := strings.TrimPrefix(strings.TrimSuffix(e.Name, "/")[len(w.folder):], "/")
	if e.Mode().IsDir() {
		if name == "" {
			return nil
		}
		return w.root.MkdirAll(name, 0o755)
	}
	if folder := path.Dir(name); folder != "." {
		if err := w.root.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	in, err := e.Open()
	if err != nil {
		return err
	}
	out, err := w.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return errors.Join(err, in.Close())
	}
	// Reading to the end checks the checksum; the file cannot grow beyond what it declares.
	n, err := io.Copy(out, io.LimitReader(ctxio.NewReader(ctx, in), int64(e.UncompressedSize64)+1))
	if err == nil && n != int64(e.UncompressedSize64) {
		err = fmt.Errorf("has another size than the %d bytes it declares", e.UncompressedSize64)
	}
	w.add(n)
	return errors.Join(err, out.Close(), in.Close())
}

func (w *writer) add(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done += n
	if w.progress != nil {
		w.progress(w.done, w.total)
	}
}
