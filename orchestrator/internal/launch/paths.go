// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/container"
	"mlperf-ssd/orchestrator/internal/crew"
	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/orchestrator/internal/regularfile"
)

// checkPaths looks for what a configuration names, to find what would only fail minutes later. It opens
// nothing in the data folder: that is for after run_start.
func checkPaths(c *config.Config) error {
	if c.Data.Dir == "" {
		return errors.New("data.dir is not set: name a COCO folder, or draw one with `mlperf-ssd prepare toy DIR`")
	}
	if info, err := os.Stat(c.Data.Dir); errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%s: data.dir: %w", c.Origin("data.dir"), err)
	} else if err != nil || !info.IsDir() {
		from := ""
		if dir, err := os.Getwd(); err == nil && !filepath.IsAbs(c.Data.Dir) {
			from = " of " + dir
		}
		return fmt.Errorf("%s: data.dir %s is no folder%s: `mlperf-ssd prepare toy %s` would draw a data set there",
			c.Origin("data.dir"), c.Data.Dir, from, c.Data.Dir)
	}
	if file := c.Backbone.Weights; file != "" {
		opened, err := regularfile.Open(file)
		if err != nil {
			return fmt.Errorf("%s: backbone.weights: %w", c.Origin("backbone.weights"), err)
		}
		opened.Close()
	}
	return crew.Binding(c).Check()
}

// makeAbsolute makes the paths of a configuration absolute: what it is for has another working directory.
func makeAbsolute(c *config.Config, dir string) {
	for _, path := range []*string{&c.Run.LogDir, &c.Data.Dir, &c.Backbone.Weights, &c.Eval.Detections} {
		*path = absolute(dir, *path)
	}
	files := crew.Binding(c).Files()
	for _, mode := range []*string{&c.Cluster.BindCPU, &c.Cluster.BindMemory} {
		if slices.Contains(files, *mode) {
			*mode = absolute(dir, *mode)
		}
	}
}

func absolute(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// readAgain is the configuration's file for a launch that reads it again, elsewhere: a pipe has nothing
// left for that.
func (o Options) readAgain(dir string) (string, error) {
	file, err := regularfile.Open(o.File)
	if err != nil {
		return "", fmt.Errorf("--config: %w: a launch that begins elsewhere reads it again", err)
	}
	file.Close()
	return absolute(dir, o.File), nil
}

// mounts are the paths of a configuration for a container; they are absolute.
func mounts(c *config.Config) []container.Mount {
	mounts := []container.Mount{{Path: c.Run.LogDir}}
	for _, path := range []string{c.Data.Dir, c.Backbone.Weights} {
		if path != "" {
			mounts = append(mounts, container.Mount{Path: path, ReadOnly: true})
		}
	}
	if dir := c.Eval.Detections; dir != "" {
		mounts = append(mounts, container.Mount{Path: dir})
	}
	for _, file := range crew.Binding(c).Files() {
		mounts = append(mounts, container.Mount{Path: file, ReadOnly: true})
	}
	return mounts
}

// pathKeys are the keys whose values makeAbsolute changes.
func pathKeys(c *config.Config) []string {
	keys := []string{"run.log_dir", "data.dir", "backbone.weights", "eval.detections"}
	if len(crew.Binding(c).Files()) > 0 {
		keys = append(keys, "cluster.bind_cpu", "cluster.bind_memory")
	}
	return keys
}

// sets are the values that did not come from the file, or whose key is one of further, as --set has them.
func sets(c *config.Config, further ...string) []string {
	var words []string
	for _, f := range c.Fields() {
		if strings.HasPrefix(f.Origin, "$") || f.Origin == "--set" || slices.Contains(further, f.Key) {
			words = append(words, "--set="+f.Key+"="+f.Text())
		}
	}
	return words
}

func (o Options) findEngine() (string, error) {
	path, err := engine.Find(o.Engine, o.Config.Device.Kind)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("engine: %s is not there: run `make build`, or name another with --engine", path)
	}
	return path, nil
}
