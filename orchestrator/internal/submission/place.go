// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package submission

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sys/unix"
)

// vacant is an error if out holds something that may not be replaced.
func vacant(out string, force bool) error {
	entries, err := os.ReadDir(out)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0 && !force:
		return fmt.Errorf("%s is not empty: --force replaces all that is in it", out)
	}
	return nil
}

// abandoned is how old a folder without a lock is when nobody makes it any more.
const abandoned = time.Minute

// workplace makes a folder beside out to build in, and removes those of processes that were killed. It
// is there until done.
func workplace(out string) (work string, done func(), err error) {
	if err := removeAbandoned(out, time.Now().Add(-abandoned)); err != nil {
		return "", nil, err
	}
	work, err = os.MkdirTemp(filepath.Dir(out), filepath.Base(out)+".*.tmp")
	if err != nil {
		return "", nil, err
	}
	work = filepath.Clean(work)
	folder, err := os.Open(work)
	if err == nil {
		_ = lock(folder) // where there are no locks nothing is removed either
		err = os.Chmod(work, 0o755)
	}
	done = func() {
		_ = os.RemoveAll(work)
		_ = folder.Close()
	}
	if err != nil {
		done()
		return "", nil, err
	}
	return work, done, nil
}

// lock lasts until the folder is closed, if only by the end of the process.
func lock(folder *os.File) error { return unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// removeAbandoned removes the workplaces for out that nobody works in and that are older than a time.
func removeAbandoned(out string, before time.Time) error {
	entries, err := os.ReadDir(filepath.Dir(out))
	if err != nil {
		return err
	}
	ours := regexp.MustCompile("^" + regexp.QuoteMeta(filepath.Base(out)) + `\.\d+\.tmp$`)
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !entry.IsDir() || !ours.MatchString(entry.Name()) || info.ModTime().After(before) {
			continue
		}
		folder, err := os.Open(filepath.Join(filepath.Dir(out), entry.Name()))
		if err != nil {
			continue
		}
		if lock(folder) == nil {
			_ = os.RemoveAll(folder.Name())
		}
		_ = folder.Close()
	}
	return nil
}

// replace puts the finished folder into its place: at no time is there neither. What was there is in
// work then.
func replace(work, out string) error {
	err := unix.Renameat2(unix.AT_FDCWD, work, unix.AT_FDCWD, out, unix.RENAME_EXCHANGE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOENT):
		return os.Rename(work, out)
	case !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS):
		return &os.LinkError{Op: "exchange", Old: work, New: out, Err: err}
	}
	// A file system that cannot, as some of networks.
	old := work + ".old"
	if err := os.Rename(out, old); err != nil {
		return err
	}
	if err := os.Rename(work, out); err != nil {
		return errors.Join(err, os.Rename(old, out))
	}
	return os.RemoveAll(old)
}
