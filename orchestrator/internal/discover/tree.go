// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// tree reads the files of a host below a root.
type tree struct{ root string }

// maxFile is far above any file of sysfs and procfs that is read here.
const maxFile = 16 << 20

// text is a file's content without surrounding space.
func (t tree) text(path ...string) (string, error) {
	file, err := os.Open(t.at(path...))
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(text)), nil
}

func (t tree) at(path ...string) string {
	return filepath.Join(append([]string{t.root}, path...)...)
}

// word is a file's content, or empty without one.
func (t tree) word(path ...string) string {
	text, err := t.text(path...)
	if err != nil {
		return ""
	}
	return text
}

// number is a file's number, or otherwise.
func (t tree) number(otherwise int64, path ...string) int64 {
	n, err := strconv.ParseInt(t.word(path...), 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}

func (t tree) list(path ...string) (CPUSet, error) {
	text, err := t.text(path...)
	if err != nil {
		return nil, err
	}
	set, err := ParseCPUSet(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(path...), err)
	}
	return set, nil
}

// names are the entries of a folder in natural order: mlx5_9 before mlx5_10. None without a folder.
func (t tree) names(path ...string) []string {
	entries, err := os.ReadDir(t.at(path...))
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	slices.SortFunc(names, naturally)
	return names
}

func (t tree) exists(path ...string) bool {
	_, err := os.Stat(t.at(path...))
	return err == nil
}

// resolve follows links and gives the parts of the path below the root.
func (t tree) resolve(path ...string) ([]string, error) {
	root, err := filepath.EvalSymlinks(t.root)
	if err != nil {
		return nil, err
	}
	target, err := filepath.EvalSymlinks(t.at(path...))
	if err != nil {
		return nil, err
	}
	below, err := filepath.Rel(root, target)
	if err != nil || below == ".." || strings.HasPrefix(below, "../") {
		return nil, errors.New("link leads out of the tree")
	}
	return strings.Split(below, "/"), nil
}

// naturally compares numbers in names by value.
func naturally(a, b string) int {
	stemA, numberA := splitNumber(a)
	stemB, numberB := splitNumber(b)
	if stemA != stemB || numberA == numberB {
		return strings.Compare(a, b)
	}
	return numberA - numberB
}

func splitNumber(name string) (string, int) {
	stem := strings.TrimRight(name, "0123456789")
	number, err := strconv.Atoi(name[len(stem):])
	if err != nil {
		return name, -1
	}
	return stem, number
}
