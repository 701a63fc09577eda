// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package submission

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mlperf-ssd/orchestrator/internal/atomicfile"
	"mlperf-ssd/orchestrator/internal/score"
)

// writeCode writes the implementation's folder and the system's beside it.
func (p *Plan) writeCode(ctx context.Context, folder string) error {
	implementation, system := filepath.Join(folder, p.Implementation), filepath.Join(folder, p.Name)
	for _, dir := range []string{implementation, system} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if p.Source != "" {
		if err := copyTree(ctx, p.Source, implementation); err != nil {
			return err
		}
	}
	if readme := filepath.Join(implementation, "README.md"); !isFile(readme) {
		if err := writeText(readme, "# "+p.Implementation+"\n\nSSD300-ResNet34 by mlperf-ssd. How it was run: `../"+p.Name+"`.\n", 0o644); err != nil {
			return err
		}
	}
	if p.Config != "" {
		if err := copyFile(ctx, p.Config, filepath.Join(system, "run.toml")); err != nil {
			return err
		}
	}
	return p.writeScripts(system)
}

func (p *Plan) writeScripts(folder string) error {
	script := func(lines ...string) string {
		head := []string{"#!/bin/sh", "set -eu", `here=$(cd "$(dirname "$0")" && pwd)`, `PATH="$here/../` + p.Implementation + `/bin:$PATH"`}
		return strings.Join(append(head, lines...), "\n") + "\n"
	}
	run := `mlperf-ssd launch --set data.dir="$DATADIR" --set run.log_dir="$LOGDIR"`
	if p.Config != "" {
		run += ` --config "$here/run.toml"`
	}
	for _, file := range []struct {
		name, text string
		mode       fs.FileMode
	}{
		{"README.md", "# " + p.System["system_name"] + "\n\n" +
			"1. `setup.sh` builds the program in `../" + p.Implementation + "`.\n" +
			"2. `DATADIR=... init_datasets.sh` downloads and prepares the data.\n" +
			"3. `DATADIR=... PRETRAINED_DIR=... LOGDIR=... run_and_time.sh` trains and writes the logs; PRETRAINED_DIR holds resnet34-333f7ec4.pth.\n", 0o644},
		{"setup.sh", script(`make -C "$here/../` + p.Implementation + `" build`), 0o755},
		{"init_datasets.sh", script(`mlperf-ssd prepare coco "$DATADIR"`), 0o755},
		{"run_and_time.sh", script(run), 0o755},
	} {
		if err := writeText(filepath.Join(folder, file.name), file.text, file.mode); err != nil {
			return err
		}
	}
	return nil
}

func writeText(path, text string, mode fs.FileMode) error {
	err := atomicfile.Write(path, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// copyTree copies folders and regular files; names that start with a dot stay behind, as no repository
// of a round takes them. A link is an error: it might lead anywhere.
func copyTree(ctx context.Context, from, to string) error {
	inside, err := isInside(to, from)
	if err != nil {
		return err
	}
	if inside {
		return fmt.Errorf("the source %s holds the folder to be made: choose another place for it", from)
	}
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, below)
		switch {
		case path != from && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case !entry.Type().IsRegular():
			return fmt.Errorf("%s: is neither file nor folder", path)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if err := copyFile(ctx, path, target); err != nil {
			return err
		}
		return os.Chmod(target, info.Mode().Perm()|0o644)
	})
}

func isInside(path, folder string) (bool, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return false, err
	}
	folder, err = filepath.Abs(folder)
	return strings.HasPrefix(path, folder+string(filepath.Separator)), err
}

// rename makes the report speak of files by their final place.
func (r *Report) rename(from, to string) {
	there := func(text string) string {
		return strings.ReplaceAll(text, from+string(filepath.Separator), to+string(filepath.Separator))
	}
	for _, list := range [][]Finding{r.Errors, r.Warnings} {
		for i := range list {
			list[i].Path, list[i].Problem = there(list[i].Path), there(list[i].Problem)
		}
	}
	for i := range r.Sets {
		set := &r.Sets[i]
		set.Name = there(set.Name)
		for j := range set.Runs {
			set.Runs[j].File = there(set.Runs[j].File)
		}
		for j := range set.Problems {
			set.Problems[j] = there(set.Problems[j])
		}
		if set.Seeds != nil {
			for _, notes := range [][]score.SeedNote{set.Seeds.Errors, set.Seeds.Warnings} {
				for j := range notes {
					notes[j].File = there(notes[j].File)
				}
			}
		}
	}
}
