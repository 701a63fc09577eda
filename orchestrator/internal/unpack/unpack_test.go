// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package unpack

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// entry is what is put into an archive; raw entries say of themselves what header has.
type entry struct {
	header  zip.FileHeader
	content string
	raw     bool
}

func file(name, content string) entry {
	return entry{header: zip.FileHeader{Name: name, Method: zip.Deflate}, content: content}
}

func withMode(name, content string, mode fs.FileMode) entry {
	e := file(name, content)
	e.header.SetMode(mode)
	return e
}

// claims is stored content that declares another size.
func claims(name, content string, size uint64) entry {
	return entry{zip.FileHeader{Name: name, Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte(content)),
		CompressedSize64: uint64(len(deflated(content))), UncompressedSize64: size}, deflated(content), true}
}

func deflated(content string) string {
	b := archive(file("x", content))
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		panic(err)
	}
	at, err := r.File[0].DataOffset()
	if err != nil {
		panic(err)
	}
	return string(b[at : at+int64(r.File[0].CompressedSize64)])
}

func archive(entries ...entry) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		create := w.CreateHeader
		if e.raw {
			create = w.CreateRaw
		}
		out, err := create(&e.header)
		if err != nil {
			panic(err)
		}
		if _, err := out.Write([]byte(e.content)); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// unpack extracts b and gives the files below the folder it was extracted to.
func unpack(t testing.TB, b []byte, o Options) (map[string]string, Contents, error) {
	t.Helper()
	base := t.TempDir()
	path := filepath.Join(base, "a.zip")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(base, "out")
	if err := os.MkdirAll(filepath.Join(dir, "."+o.Folder+".unpacking", "left"), 0o700); err != nil {
		t.Fatal(err)
	}
	contents, err := Extract(context.Background(), path, dir, o)
	files := map[string]string{}
	walkErr := filepath.WalkDir(base, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || p == path {
			return err
		}
		content, err := os.ReadFile(p)
		name, _ := filepath.Rel(dir, p)
		files[name] = string(content)
		return err
	})
	if walkErr != nil {
		t.Fatal(walkErr)
	}
	return files, contents, err
}

func options() Options { return Options{Folder: "top", MaxFiles: 10, MaxBytes: 1000, Workers: 3} }

func TestExtract(t *testing.T) {
	o := options()
	var last int64
	o.Progress = func(done, total int64) {
		if total != 6 || done < last {
			t.Errorf("%d of %d bytes", done, total)
		}
		last = done
	}
	files, contents, err := unpack(t, archive(
		withMode("top/", "", fs.ModeDir|0o700), file("top/a", "one"), withMode("top/b/c/d", "two", fs.ModeSetuid|0o777),
		withMode("top/b/", "", fs.ModeDir|0o700), file("top/empty", ""),
	), o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"top/a": "one", "top/b/c/d": "two", "top/empty": ""}, files); diff != "" {
		t.Error(diff)
	}
	if contents != (Contents{3, 6}) || last != 6 {
		t.Errorf("%+v, %d bytes told", contents, last)
	}
}

func TestHostileArchives(t *testing.T) {
	overlapping := archive(file("top/a", strings.Repeat("x", 90)), file("top/b", strings.Repeat("y", 90)))
	for i := range 2 { // of the two entries of the central directory
		at := bytes.Index(overlapping, []byte("PK\x01\x02"))
		for range i {
			at += 4 + bytes.Index(overlapping[at+4:], []byte("PK\x01\x02"))
		}
		binary.LittleEndian.PutUint32(overlapping[at+20:], uint32(len(overlapping)-10))
	}
	damaged := archive(file("top/a", strings.Repeat("x", 90)))
	damaged[bytes.Index(damaged, []byte("PK\x01\x02"))+16] ^= 1 // the checksum
	encrypted := archive(file("top/a", "x"))
	encrypted[bytes.Index(encrypted, []byte("PK\x01\x02"))+8] |= 1
	for want, b := range map[string][]byte{
		`"../a": the name is`:                     archive(file("../a", "")),
		`"top/../../a": the name is`:              archive(file("top/../../a", "")),
		`"/top/a": the name is`:                   archive(file("/top/a", "")),
		`"top\\a": the name is`:                   archive(file(`top\a`, "")),
		`"top//a": the name is`:                   archive(file("top//a", "")),
		`"top/./a": the name is`:                  archive(file("top/./a", "")),
		`"c:/top": the name is`:                   archive(file("c:/top", "")),
		`"": the name is`:                         archive(file("", "")),
		`"other/a": lies outside the folder top`:  archive(file("other/a", "")),
		`"topper": lies outside the folder top`:   archive(file("topper", "")),
		`"top": a file where the folder must be`:  archive(file("top", "")),
		`"top/link": is no file and no folder`:    archive(withMode("top/link", "/etc", fs.ModeSymlink|0o777), file("top/link/passwd", "")),
		`"top/pipe": is no file and no folder`:    archive(withMode("top/pipe", "", fs.ModeNamedPipe|0o777)),
		`"top/a": its name and its mode`:          archive(withMode("top/a", "", fs.ModeDir|0o777)),
		`"top/a" stands twice`:                    archive(file("top/a", "x"), file("top/a", "y")),
		`"top/a/" stands twice`:                   archive(file("top/a", "x"), withMode("top/a/", "", fs.ModeDir|0o777)),
		`is compressed by method 12`:              archive(entry{zip.FileHeader{Name: "top/a", Method: 12}, "", true}),
		`"top/a": is encrypted`:                   encrypted,
		"11 entries: more than 10 are refused":    archive(many(11)...),
		"more than 1000 bytes, which is refused":  archive(file("top/a", strings.Repeat("x", 400)), file("top/b", strings.Repeat("x", 601))),
		`"top/b": the entries up to it have more`: overlapping,
		"no files":                                archive(withMode("top/", "", fs.ModeDir|0o777)),
		`"top/a": zip: not a valid zip file|`:     archive(claims("top/a", strings.Repeat("x", 100), 5)),
		`"top/a": unexpected EOF`:                 archive(claims("top/a", "x", 50)),
		"checksum error":                          damaged,
		"not a valid zip file":                    []byte("PK"),
		`"top/a/b": `:                             archive(file("top/a", "x"), file("top/a/b", "x")),
		"more than 1000 bytes, which is refused|": archive(claims("top/a", "x", 1<<63)),
	} {
		want, _, _ = strings.Cut(want, "|")
		o := options()
		if strings.HasPrefix(want, `"top/a/b"`) {
			o.Workers = 1
		}
		files, _, err := unpack(t, b, o)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "a.zip: ") {
			t.Errorf("error %v, want %q and the archive", err, want)
		}
		if len(files) != 0 {
			t.Errorf("%s: left behind: %v", want, files)
		}
	}
}

func many(n int) []entry {
	var all []entry
	for i := range n {
		all = append(all, file("top/"+strings.Repeat("x", i+1), ""))
	}
	return all
}

func TestStopped(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.zip")
	if err := os.WriteFile(path, archive(many(9)...), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	o := options()
	o.Progress = func(int64, int64) { stop() }
	o.Workers = 1
	if _, err := Extract(ctx, path, dir, o); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%d entries left (%v)", len(entries), err)
	}
	if err := os.Mkdir(filepath.Join(dir, "top"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Extract(context.Background(), path, dir, options()); err == nil || !strings.Contains(err.Error(), "top is there already") {
		t.Errorf("over a folder: %v", err)
	}
}

// FuzzExtract holds that nothing but files appear, none outside the folder, and all that is told.
func FuzzExtract(f *testing.F) {
	f.Add(archive(file("top/a", "one"), withMode("top/b/", "", fs.ModeDir|0o700), file("top/b/c", "two")))
	f.Add(archive(file("top/../../a", "x")))
	f.Add(archive(withMode("top/link", "/etc", fs.ModeSymlink|0o777)))
	f.Fuzz(func(t *testing.T, b []byte) {
		reader, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		contents, err := inspect(reader.File, int64(len(b)), options())
		if err != nil {
			return
		}
		dir := t.TempDir()
		scratch := filepath.Join(dir, "scratch")
		if err := os.Mkdir(scratch, 0o700); err != nil {
			t.Fatal(err)
		}
		extractErr := extractAll(context.Background(), reader.File, scratch, contents.Bytes, options())
		var found Contents
		err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err != nil || !info.Mode().IsRegular() || !strings.HasPrefix(p, scratch+"/") {
				t.Errorf("%s is %v (%v)", p, info.Mode(), err)
			}
			found.Files++
			found.Bytes += info.Size()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if extractErr == nil && found != contents || found.Bytes > contents.Bytes+int64(contents.Files) {
			t.Errorf("found %+v, told %+v (%v)", found, contents, extractErr)
		}
	})
}
