// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// image is what `make image-sqsh` makes.
func image() string { return filepath.Join(install.root, "build", "mlperf-ssd-cpu.sqsh") }

func skipWithoutImage(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(image()); err != nil {
		t.Skip(err, ": `make image-sqsh` makes it")
	}
	if os.Getuid() != 0 {
		t.Skip("root alone can change the root folder")
	}
	for _, tool := range []string{"unsquashfs", "unshare", "chroot", "flock"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err, ": apt-get install squashfs-tools")
		}
	}
	program, err := os.ReadFile(filepath.Join(install.root, "bin", "mlperf-ssd"))
	if err != nil {
		t.Skip(err)
	}
	inside, err := exec.Command("unsquashfs", "-cat", image(), "opt/mlperf-ssd/bin/mlperf-ssd").Output()
	if err != nil {
		t.Fatalf("unsquashfs: %v", err)
	}
	if !bytes.Equal(inside, program) {
		t.Skip("the image holds another program than bin/mlperf-ssd: `make image-sqsh` makes it anew")
	}
}

// The image of `make image-sqsh` holds a program that runs and an engine that loads, as root and not.
func TestImage(t *testing.T) {
	skipWithoutImage(t)
	root := filepath.Join(t.TempDir(), "root")
	if text, err := exec.Command("unsquashfs", "-quiet", "-no-progress", "-dest", root, image()).CombinedOutput(); err != nil {
		t.Fatalf("unsquashfs: %v: %s", err, text)
	}
	if info, err := os.Stat(root); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the root folder: %v, %v", info.Mode(), err)
	}
	for _, user := range []string{"0:0", "10001:10001"} {
		const script = `mount -t proc proc "$1/proc" && exec chroot --userspec="$2" "$1" /etc/rc mlperf-ssd version --json`
		out, err := exec.Command("unshare", "--mount", "sh", "-c", script, "sh", root, user).Output()
		var version struct {
			Engine      string
			EngineError string `json:"engine_error"`
		}
		if err == nil {
			err = json.Unmarshal(out, &version)
		}
		if err != nil || version.Engine == "" || version.EngineError != "" {
			t.Errorf("user %s: %v: %s", user, err, out)
		}
	}
}
