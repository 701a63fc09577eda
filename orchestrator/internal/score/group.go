// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package score

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"mlperf-ssd/orchestrator/internal/compliance"
)

// Group is the logs of one set.
type Group struct {
	Name string
	Logs []string
}

// GroupOf sorts folders and logs into sets: all named logs are one; a folder is one if it holds logs, else
// each folder below that does.
func GroupOf(names []string) ([]Group, error) {
	var groups []Group
	var logs []string
	for _, name := range names {
		info, err := os.Stat(name)
		if name != compliance.Stdin && err != nil {
			return nil, fmt.Errorf("score: %w", err)
		}
		if name == compliance.Stdin || !info.IsDir() {
			logs = append(logs, name)
			continue
		}
		below, err := foldersOfLogs(name)
		if err != nil {
			return nil, fmt.Errorf("score: %w", err)
		}
		if len(below) == 0 {
			return nil, fmt.Errorf("score: %s: no result_*.txt here or below", name)
		}
		groups = append(groups, below...)
	}
	if len(logs) > 0 {
		name := logs[0]
		if len(logs) > 1 {
			name = fmt.Sprintf("%d logs", len(logs))
		}
		groups = append(groups, Group{Name: name, Logs: logs})
	}
	return groups, nil
}

func foldersOfLogs(dir string) ([]Group, error) {
	logs, err := Logs(dir)
	if err != nil || len(logs) > 0 {
		return []Group{{Name: dir, Logs: logs}}, err
	}
	var groups []Group
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		logs, err := Logs(path)
		if len(logs) > 0 {
			groups = append(groups, Group{Name: path, Logs: logs})
		}
		return err
	})
	return groups, err
}

// Logs are the result_*.txt of a folder, result_2 before result_10.
func Logs(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var logs []string
	for _, entry := range entries {
		if matched, _ := filepath.Match("result_*.txt", entry.Name()); matched && entry.Type()&^fs.ModeSymlink == 0 {
			logs = append(logs, filepath.Join(dir, entry.Name()))
		}
	}
	slices.SortStableFunc(logs, func(a, b string) int {
		return cmp.Or(cmp.Compare(logNumber(a), logNumber(b)), cmp.Compare(a, b))
	})
	return logs, nil
}

func logNumber(path string) int {
	number, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "result_"), ".txt"))
	if err != nil {
		return -1
	}
	return number
}
