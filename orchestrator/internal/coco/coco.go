// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package coco makes a folder hold COCO 2017 as training reads it: the images, the annotations, and the
// bbox-only annotation files (spec section 1). Whatever is there already is left as it is.
package coco

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"mlperf-ssd/orchestrator/internal/download"
	"mlperf-ssd/orchestrator/internal/unpack"
)

// BaseURL is where COCO's own site has the archives.
const BaseURL = "http://images.cocodataset.org"

// Archive is a zip file of the data set and the folder that it unpacks to.
type Archive struct {
	Path     string // below the base URL
	MD5      string
	Folder   string
	Files    int   // what it holds, at least
	Bytes    int64 // about; for the look at the disk before anything begins
	Unpacked int64 // about
}

func (a Archive) name() string { return filepath.Base(a.Path) }

// Archives are the three of COCO 2017.
func Archives() []Archive {
	return []Archive{
		{"annotations/annotations_trainval2017.zip", "f4bbac642086de4f52a3fdda2de5fa2c", "annotations", 2, 253e6, 850e6},
		{"zips/val2017.zip", "442b8da7639aecaf257c1dceb8ba8c80", "val2017", 5000, 816e6, 830e6},
		{"zips/train2017.zip", "cced6f7f71b7629ddf16f17bbcfab6b2", "train2017", 118287, 19340e6, 19600e6},
	}
}

// Options say where from and how.
type Options struct {
	BaseURL  string    // "": BaseURL
	Archives []Archive // nil: Archives
	Jobs     int       // archives at once, and files of each that are written at once; 0: 3
	Remove   bool      // the archives, when all is made
	Download download.Options
	Log      *zap.Logger                                // nil: none
	Progress func(step, item string, done, total int64) // "download" or "unpack" of an archive, in bytes; any goroutine
}

// States of an item in a report.
const (
	Present = "present" // it was there
	Made    = "made"
	Removed = "removed"
)

// Item is a part of the data set.
type Item struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Files int    `json:"files,omitempty"`
	Bytes int64  `json:"bytes,omitempty"`
}

// Report says what was done and what was there.
type Report struct {
	Dir   string `json:"dir"`
	Items []Item `json:"items"`
}

// Changed says whether anything was done.
func (r Report) Changed() bool {
	for _, item := range r.Items {
		if item.State != Present {
			return true
		}
	}
	return false
}

// Prepare completes the data set in dir, which it makes if need be. It can be stopped and called again at
// any time; a second process on the same folder gets an error.
func Prepare(ctx context.Context, dir string, o Options) (Report, error) {
	if o.BaseURL == "" {
		o.BaseURL = BaseURL
	}
	if o.Archives == nil {
		o.Archives = Archives()
	}
	if o.Jobs == 0 {
		o.Jobs = 3
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Progress == nil {
		o.Progress = func(string, string, int64, int64) {}
	}
	report, err := prepare(ctx, dir, o)
	if err != nil {
		return Report{}, fmt.Errorf("coco: prepare %s: %w", dir, err)
	}
	return report, nil
}

func prepare(ctx context.Context, dir string, o Options) (Report, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Report{}, err
	}
	lock, err := os.Open(dir)
	if err != nil {
		return Report{}, err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return Report{}, fmt.Errorf("another process prepares it: %w", err)
	}
	var missing []Archive
	report := Report{Dir: dir}
	for _, a := range o.Archives {
		found, err := look(dir, a)
		if err != nil {
			return Report{}, err
		}
		if found.Files == 0 {
			missing = append(missing, a)
			continue
		}
		report.Items = append(report.Items, Item{a.Folder, Present, found.Files, found.Bytes})
	}
	if err := room(dir, missing); err != nil {
		return Report{}, err
	}
	made, err := unpackAll(ctx, dir, missing, o)
	if err != nil {
		return Report{}, err
	}
	report.Items = append(report.Items, made...)
	made, err = convertAll(ctx, dir, o)
	if err != nil {
		return Report{}, err
	}
	report.Items = append(report.Items, made...)
	if o.Remove {
		made, err = removeAll(dir, o.Archives)
		report.Items = append(report.Items, made...)
	}
	return report, err
}

// unpackAll fetches and unpacks archives, o.Jobs at once. The first error stops the others.
func unpackAll(ctx context.Context, dir string, archives []Archive, o Options) ([]Item, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	items := make([]Item, len(archives))
	slots := make(chan struct{}, o.Jobs)
	var group sync.WaitGroup
	for i, a := range archives {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			contents, err := fetchAndUnpack(ctx, dir, a, o)
			if err != nil {
				cancel(err)
				return
			}
			items[i] = Item{a.Folder, Made, contents.Files, contents.Bytes}
		})
	}
	group.Wait()
	return items, context.Cause(ctx)
}

func fetchAndUnpack(ctx context.Context, dir string, a Archive, o Options) (unpack.Contents, error) {
	if err := ctx.Err(); err != nil {
		return unpack.Contents{}, err
	}
	path := filepath.Join(dir, a.name())
	sum := download.Sum{Name: "MD5", New: md5.New, Prefix: a.MD5}
	_, err := os.Stat(path)
	switch {
	case err == nil:
		o.Log.Info("archive is there, its checksum is looked at", zap.String("path", path))
		err = download.Verify(ctx, path, sum)
	case errors.Is(err, os.ErrNotExist):
		options := o.Download
		options.Log = o.Log
		options.MaxBytes = 2*a.Bytes + 1<<20
		options.Progress = func(done, total int64) { o.Progress("download", a.name(), done, total) }
		_, err = download.Fetch(ctx, o.BaseURL+"/"+a.Path, path, sum, options)
	}
	if err != nil {
		return unpack.Contents{}, err
	}
	return unpack.Extract(ctx, path, dir, unpack.Options{
		Folder: a.Folder, MaxFiles: 2*a.Files + 1000, MaxBytes: 2*a.Unpacked + 1<<20, Workers: o.Jobs,
		Progress: func(done, total int64) { o.Progress("unpack", a.name(), done, total) },
	})
}
