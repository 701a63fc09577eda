// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestClaimIsOfOneAtATime(t *testing.T) {
	dir := t.TempDir()
	release, err := claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := claim(dir); err == nil || !strings.Contains(err.Error(), "another launch runs in "+dir) {
		t.Errorf("a second claim: %v", err)
	}
	release()
	if release, err = claim(dir); err != nil {
		t.Fatalf("after the first: %v", err)
	}
	release()
	if _, err := claim(filepath.Join(dir, "none")); !os.IsNotExist(err) && !strings.Contains(err.Error(), "no such file") {
		t.Errorf("of no folder: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("the claim left %v (%v)", entries, err)
	}
}
