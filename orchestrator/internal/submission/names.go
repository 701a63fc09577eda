// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package submission

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxFileSize is what the repository of a round takes.
const maxFileSize = 50 << 20

// names checks every file and folder of a submission as its repository wants them.
func (r *Report) names(organisation string) {
	err := filepath.WalkDir(organisation, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			r.fail(path, "cannot be read: %v", err)
			return nil
		}
		if problem := wrongName(entry.Name()); problem != "" && path != organisation {
			r.fail(path, "%s", problem)
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			if _, err := os.Stat(path); err != nil {
				r.fail(path, "is a broken link")
			}
			return nil
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() && info.Size() > maxFileSize {
			r.fail(path, "has %d MB, at most %d are allowed", info.Size()>>20, maxFileSize>>20)
		}
		return nil
	})
	if err != nil {
		r.fail(organisation, "cannot be read: %v", err)
	}
}

// wrongName is why the repository does not take a name, or empty.
func wrongName(name string) string {
	switch {
	case name == "":
		return "the name is empty"
	case strings.HasPrefix(name, "."):
		return fmt.Sprintf("the name %q starts with a dot", name)
	case strings.ContainsAny(name, " \t\n"):
		return fmt.Sprintf("the name %q has a space", name)
	case strings.ContainsAny(name, "/\x00"):
		return fmt.Sprintf("the name %q has a slash", name)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Sprintf("the name %q has what cannot be printed", name)
	}
	return ""
}
