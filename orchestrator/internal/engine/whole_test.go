// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// This test's own program stands for a library.
func TestCheckWhole(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := checkWhole(self); err != nil {
		t.Error(err)
	}
	whole, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut.so")
	expect := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := checkWhole(path); err == nil || !strings.HasPrefix(err.Error(), path+" is no whole library: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, size := range []int{0, 10, 64, 4000, len(whole) / 2} {
		expect("cut", whole[:size])
	}
	// A library may lack its list of sections, at 40 with its count at 60 and 62, but not its parts.
	stripped := append([]byte{}, whole[:4000]...)
	binary.LittleEndian.PutUint64(stripped[40:], 0)
	binary.LittleEndian.PutUint32(stripped[60:], 0)
	expect("without sections", stripped)
}
