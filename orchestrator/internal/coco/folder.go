// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package coco

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"mlperf-ssd/orchestrator/internal/annotations"
	"mlperf-ssd/orchestrator/internal/unpack"
)

// look counts what the folder of an archive has; no files: it is not there. A folder with too few files
// is not ours to complete.
func look(dir string, a Archive) (unpack.Contents, error) {
	var c unpack.Contents
	folder := filepath.Join(dir, a.Folder)
	err := filepath.WalkDir(folder+"/", func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		c.Files++
		c.Bytes += info.Size()
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return unpack.Contents{}, nil
	}
	if err == nil && c.Files < a.Files {
		err = fmt.Errorf("%s holds %d files, must be %d: move it away or complete it", folder, c.Files, a.Files)
	}
	return c, err
}

// room makes sure before anything begins that the disk will do.
func room(dir string, missing []Archive) error {
	var need int64
	for _, a := range missing {
		need += a.Unpacked
		for _, name := range []string{a.name(), a.name() + ".part"} {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
				need -= min(info.Size(), a.Bytes)
				break
			}
		}
		need += a.Bytes
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if free := int64(disk.Bavail) * disk.Bsize; need > free {
		return fmt.Errorf("about %.1f GB are needed, the disk has %.1f GB free", float64(need)/1e9, float64(free)/1e9)
	}
	return nil
}

// convertAll makes the bbox-only files. Scoring needs all keys of the validation's.
func convertAll(ctx context.Context, dir string, o Options) ([]Item, error) {
	var items []Item
	for _, split := range []string{"val", "train"} {
		in := filepath.Join(dir, "annotations", "instances_"+split+"2017.json")
		name := "annotations/bbox_only_instances_" + split + "2017.json"
		out := filepath.Join(dir, name)
		state := Present
		if _, err := os.Stat(out); errors.Is(err, fs.ErrNotExist) {
			state = Made
			o.Progress("convert", name, 0, -1)
			if _, err := annotations.Convert(ctx, in, out, annotations.Options{KeepKeys: split == "val"}); err != nil {
				return nil, err
			}
		}
		info, err := os.Stat(out)
		if err != nil {
			return nil, err
		}
		items = append(items, Item{Name: name, State: state, Bytes: info.Size()})
	}
	return items, nil
}

func removeAll(dir string, archives []Archive) ([]Item, error) {
	var items []Item
	for _, a := range archives {
		err := os.Remove(filepath.Join(dir, a.name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		items = append(items, Item{Name: a.name(), State: Removed})
	}
	return items, nil
}
