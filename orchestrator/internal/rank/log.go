// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rank

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/atomicfile"
	"mlperf-ssd/orchestrator/internal/tee"
)

// openLog gives rank 0 the trial's log, and the others nothing to write.
func (w process) openLog(path string) (io.Writer, func() error, error) {
	if w.place.Rank != 0 {
		return io.Discard, func() error { return nil }, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, nil, fmt.Errorf("log: %w", err)
	}
	log := tee.New(file, w.Stdout, func(err error) {
		w.Logger.Warn("the log goes on in its file alone", zap.String("file", path), zap.Error(err))
	})
	return log, func() error {
		err := file.Sync()
		if err == nil {
			err = w.keepLog(file, path)
		}
		return errors.Join(err, file.Close())
	}, nil
}

// keepLog writes a log anew that was removed while it was written, as with its folder. It is an error
// when something else has its name.
func (w process) keepLog(file *os.File, path string) error {
	there, err := os.Stat(path)
	if err == nil {
		mine, err := file.Stat()
		if err == nil && !os.SameFile(mine, there) {
			err = fmt.Errorf("log: %s was replaced while it was written: what was written is lost", path)
		}
		return err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("log: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	err = atomicfile.Write(path, func(out io.Writer) error {
		_, err := io.Copy(out, file)
		return err
	})
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	w.Logger.Warn("the log was removed while it was written: it is there again", zap.String("file", path))
	return nil
}
