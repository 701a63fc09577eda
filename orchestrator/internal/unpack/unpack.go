// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package unpack extracts zip archives that it does not trust: nothing gets outside the folder, nothing
// but files and folders is made, and no more bytes than the archive declares and the caller allows.
package unpack

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Options bound an archive.
type Options struct {
	Folder   string                  // the one folder that all entries must lie in
	MaxFiles int                     // entries
	MaxBytes int64                   // of all files when extracted
	Workers  int                     // files that are written at once; 0: 1
	Progress func(done, total int64) // bytes written; nil: not told
}

// Contents count what an archive holds or a folder has.
type Contents struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Extract makes dir/o.Folder hold the files of an archive: all of them, or the folder is not there. An
// earlier call that was killed may have left a hidden folder, which is removed. It is an error when
// dir/o.Folder exists.
func Extract(ctx context.Context, archive, dir string, o Options) (Contents, error) {
	contents, err := extract(ctx, archive, dir, o)
	if err != nil {
		return Contents{}, fmt.Errorf("unpack: %s: %w", archive, err)
	}
	return contents, nil
}

func extract(ctx context.Context, archive, dir string, o Options) (Contents, error) {
	target := filepath.Join(dir, o.Folder)
	if _, err := os.Lstat(target); err == nil {
		return Contents{}, fmt.Errorf("%s is there already", target)
	}
	reader, err := zip.OpenReader(archive)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // inspect names it
		return Contents{}, err
	}
	defer func() { _ = reader.Close() }()
	info, err := os.Stat(archive)
	if err != nil {
		return Contents{}, err
	}
	contents, err := inspect(reader.File, info.Size(), o)
	if err != nil {
		return Contents{}, err
	}
	if err := room(dir, contents); err != nil {
		return Contents{}, err
	}
	scratch := filepath.Join(dir, "."+o.Folder+".unpacking")
	if err := os.RemoveAll(scratch); err != nil {
		return Contents{}, err
	}
	defer os.RemoveAll(scratch)
	if err := os.Mkdir(scratch, 0o755); err != nil {
		return Contents{}, err
	}
	if err := extractAll(ctx, reader.File, scratch, contents.Bytes, o); err != nil {
		return Contents{}, err
	}
	return contents, publish(scratch, target)
}

// publish gives the folder its name when all of it is on the disk.
func publish(scratch, target string) error {
	folder, err := os.Open(scratch)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := unix.Syncfs(int(folder.Fd())); err != nil {
		return fmt.Errorf("%s: sync: %w", scratch, err)
	}
	return os.Rename(scratch, target)
}

// room makes sure that the disk holds the files, each of which ends within a block.
func room(dir string, c Contents) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	need := c.Bytes + int64(c.Files)*disk.Bsize/2
	if free := int64(disk.Bavail) * disk.Bsize; need > free {
		return fmt.Errorf("the files take %.3f GB, the disk of %s has %.3f GB free", float64(need)/1e9, dir, float64(free)/1e9)
	}
	return nil
}

// inspect looks at all entries before the first is written.
func inspect(entries []*zip.File, size int64, o Options) (Contents, error) {
	var c Contents
	var packed uint64
	seen := make(map[string]bool, len(entries))
	if len(entries) > o.MaxFiles {
		return c, fmt.Errorf("%d entries: more than %d are refused", len(entries), o.MaxFiles)
	}
	for _, e := range entries {
		if err := check(e, o.Folder); err != nil {
			return c, fmt.Errorf("entry %q: %w", e.Name, err)
		}
		name := strings.TrimSuffix(e.Name, "/")
		if seen[name] {
			return c, fmt.Errorf("entry %q stands twice", e.Name)
		}
		seen[name] = true
		if e.UncompressedSize64 > uint64(o.MaxBytes-c.Bytes) {
			return c, fmt.Errorf("entry %q: with it the files have more than %d bytes, which is refused", e.Name, o.MaxBytes)
		}
		if packed += e.CompressedSize64; e.CompressedSize64 > uint64(size) || packed > uint64(size) {
			return c, fmt.Errorf("entry %q: the entries up to it have more bytes than the archive: they overlap", e.Name)
		}
		if !e.Mode().IsDir() {
			c.Files++
			c.Bytes += int64(e.UncompressedSize64)
		}
	}
	if c.Files == 0 {
		return c, errors.New("no files")
	}
	return c, nil
}

func check(e *zip.File, folder string) error {
	const encrypted = 1
	name := strings.TrimSuffix(e.Name, "/")
	mode := e.Mode()
	switch {
	case strings.ContainsAny(name, "\\:\x00") || path.Clean(name) != name || path.IsAbs(name) || !filepath.IsLocal(name):
		return errors.New("the name is absolute, odd, or leaves its folder")
	case name != folder && !strings.HasPrefix(name, folder+"/"):
		return fmt.Errorf("lies outside the folder %s", folder)
	case !mode.IsRegular() && !mode.IsDir():
		return fmt.Errorf("is no file and no folder (%v)", mode)
	case mode.IsDir() != strings.HasSuffix(e.Name, "/"):
		return errors.New("its name and its mode do not say the same")
	case mode.IsDir() && e.UncompressedSize64 != 0:
		return errors.New("a folder with bytes")
	case mode.IsRegular() && name == folder:
		return errors.New("a file where the folder must be")
	case e.Flags&encrypted != 0:
		return errors.New("is encrypted")
	case e.Method != zip.Store && e.Method != zip.Deflate:
		return fmt.Errorf("is compressed by method %d: only store and deflate are read", e.Method)
	}
	return nil
}
