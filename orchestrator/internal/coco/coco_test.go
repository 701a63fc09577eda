// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package coco

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"mlperf-ssd/orchestrator/internal/download"
)

const instances = `{"images":[{"id":1,"license":1}],"annotations":[{"id":2,"area":3}],"categories":[]}`

// host serves tiny archives; broken changes the answers, if it is set.
type host struct {
	*httptest.Server
	files    map[string][]byte
	archives []Archive

	mu     sync.Mutex
	asked  []string
	broken func(w http.ResponseWriter, r *http.Request, content []byte) bool
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{files: map[string][]byte{}}
	h.add(t, "annotations/a.zip", "annotations", map[string]string{"instances_val2017.json": instances, "instances_train2017.json": instances})
	h.add(t, "zips/val2017.zip", "val2017", map[string]string{"1.jpg": "one"})
	h.add(t, "zips/train2017.zip", "train2017", map[string]string{"2.jpg": "two", "3.jpg": strings.Repeat("three", 1000)})
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *host) add(t *testing.T, path, folder string, files map[string]string) {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range files {
		out, err := w.CreateHeader(&zip.FileHeader{Name: folder + "/" + name, Method: zip.Store})
		if err == nil {
			_, err = out.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum(b.Bytes())
	h.files["/"+path] = b.Bytes()
	h.archives = append(h.archives, Archive{path, hex.EncodeToString(sum[:]), folder, len(files), int64(b.Len()), int64(b.Len())})
}

func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.asked = append(h.asked, r.URL.Path)
	broken := h.broken
	h.mu.Unlock()
	content, ok := h.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", `"x"`)
	if broken == nil || !broken(w, r, content) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

func (h *host) requests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(slices.Values(h.asked))
}

func (h *host) options() Options {
	return Options{BaseURL: h.URL, Archives: h.archives, Jobs: 2,
		Download: download.Options{Attempts: 3, Backoff: time.Microsecond, Stall: 200 * time.Millisecond}}
}

// list gives the files in dir, hidden ones too.
func list(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*", ".*", "*/*", "*/.*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				name, _ := filepath.Rel(dir, path)
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func whole() []string {
	return []string{
		"annotations/bbox_only_instances_train2017.json", "annotations/bbox_only_instances_val2017.json",
		"annotations/instances_train2017.json", "annotations/instances_val2017.json",
		"train2017/2.jpg", "train2017/3.jpg", "val2017/1.jpg",
	}
}

func states(r Report) map[string]string {
	states := map[string]string{}
	for _, item := range r.Items {
		states[item.Name] = item.State
	}
	return states
}

func TestPrepare(t *testing.T) {
	h := newHost(t)
	dir := filepath.Join(t.TempDir(), "new", "coco")
	report, err := Prepare(context.Background(), dir, h.options())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"annotations": Made, "val2017": Made, "train2017": Made, "annotations/bbox_only_instances_val2017.json": Made, "annotations/bbox_only_instances_train2017.json": Made}
	if diff := cmp.Diff(all, states(report)); diff != "" || !report.Changed() {
		t.Error(diff)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(append(whole(), "a.zip", "train2017.zip", "val2017.zip"))), list(t, dir)); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]string{
		"val":   `{"images":[{"id":1}],"annotations":[{"id":2,"area":1.0}],"categories":[]}`,
		"train": `{"images":[{"id":1}],"annotations":[{"id":2}],"categories":[]}`,
	} {
		if got, err := os.ReadFile(filepath.Join(dir, "annotations", "bbox_only_instances_"+name+"2017.json")); err != nil || string(got) != want {
			t.Errorf("%s: %s (%v)", name, got, err)
		}
	}
	o := h.options()
	o.Remove = true
	report, err = Prepare(context.Background(), dir, o)
	for name := range all {
		all[name] = Present
	}
	for _, name := range []string{"a.zip", "train2017.zip", "val2017.zip"} {
		all[name] = Removed
	}
	if diff := cmp.Diff(all, states(report)); err != nil || diff != "" {
		t.Errorf("%v: %s", err, diff)
	}
	report, err = Prepare(context.Background(), dir, o)
	if err != nil || report.Changed() {
		t.Errorf("a third time: %+v (%v)", report, err)
	}
	if diff := cmp.Diff(whole(), list(t, dir)); diff != "" {
		t.Error(diff)
	}
	if got := h.requests(); len(got) != 3 {
		t.Errorf("asked for %q, want each archive once", got)
	}
}

// TestServerThatBreaks sends at most 150 bytes at a time, and once nothing at all.
func TestServerThatBreaks(t *testing.T) {
	h := newHost(t)
	silent := false
	h.broken = func(w http.ResponseWriter, r *http.Request, content []byte) bool {
		h.mu.Lock()
		first := !silent
		silent = true
		h.mu.Unlock()
		if first {
			<-r.Context().Done()
			return true
		}
		var from int
		if text, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
			for _, c := range strings.TrimSuffix(text, "-") {
				from = 10*from + int(c-'0')
			}
		}
		if len(content)-from <= 150 {
			return false
		}
		http.ServeContent(&cut{w, 150}, r, "", time.Time{}, bytes.NewReader(content))
		return true
	}
	dir := t.TempDir()
	if _, err := Prepare(context.Background(), dir, h.options()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(append(whole(), "a.zip", "train2017.zip", "val2017.zip"))), list(t, dir)); diff != "" {
		t.Error(diff)
	}
}

type cut struct {
	http.ResponseWriter
	left int
}

func (c *cut) Write(b []byte) (int, error) {
	if c.left < len(b) {
		_, _ = c.ResponseWriter.Write(b[:c.left])
		c.left = 0
		return 0, http.ErrAbortHandler
	}
	c.left -= len(b)
	return c.ResponseWriter.Write(b)
}

func TestWhatCannotBePrepared(t *testing.T) {
	var held *os.File
	defer func() { _ = held.Close() }()
	for want, spoil := range map[string]func(h *host, dir string, o *Options){
		"the MD5 begins with":         func(_ *host, _ string, o *Options) { o.Archives[1].MD5 = strings.Repeat("0", 32) },
		"answers 404":                 func(_ *host, _ string, o *Options) { o.Archives[1].Path = "zips/none.zip" },
		"lies outside the folder val": func(_ *host, _ string, o *Options) { o.Archives[1].Folder = "val" },
		"are needed, the disk has":    func(_ *host, _ string, o *Options) { o.Archives[1].Unpacked = 1 << 60 },
		"val2017 holds 0 files, must be 1": func(_ *host, dir string, _ *Options) {
			_ = os.Mkdir(filepath.Join(dir, "val2017"), 0o700)
		},
		"val2017.zip: the MD5 begins": func(_ *host, dir string, _ *Options) {
			_ = os.WriteFile(filepath.Join(dir, "val2017.zip"), []byte("x"), 0o600)
		},
		"another process prepares it": func(_ *host, dir string, _ *Options) {
			var err error
			if held, err = os.Open(dir); err == nil {
				err = unix.Flock(int(held.Fd()), unix.LOCK_EX)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"in a row brought nothing new": func(h *host, _ string, _ *Options) {
			h.broken = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				w.WriteHeader(http.StatusBadGateway)
				return true
			}
		},
	} {
		h := newHost(t)
		dir := t.TempDir()
		o := h.options()
		spoil(h, dir, &o)
		_, err := Prepare(context.Background(), dir, o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		for _, name := range list(t, dir) {
			damaged := strings.HasPrefix(want, "the MD5") && name == "val2017.zip.part" // another archive's stays, to be gone on with
			if damaged || strings.Contains(name, "bbox_only") || strings.Contains(name, "unpacking") {
				t.Errorf("%s: left behind: %s", want, name)
			}
		}
	}
}

func TestArchivesOfCOCO(t *testing.T) {
	want := map[string]string{ // spec section 1
		"train2017.zip": "cced6f7f71b7629ddf16f17bbcfab6b2", "val2017.zip": "442b8da7639aecaf257c1dceb8ba8c80",
		"annotations_trainval2017.zip": "f4bbac642086de4f52a3fdda2de5fa2c",
	}
	got := map[string]string{}
	for _, a := range Archives() {
		got[a.name()] = a.MD5
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
