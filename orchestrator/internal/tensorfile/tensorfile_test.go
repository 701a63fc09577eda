// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package tensorfile

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// raw is a file with that header and data.
func raw(header, data string) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func read(b []byte) (*File, error) { return Read("x", bytes.NewReader(b), int64(len(b))) }

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	items := []Item{
		FromFloat32s("b", []int64{2, 2}, []float32{1, -2, 0.5, 3}),
		FromFloat32s("a", nil, []float32{7}),
		{"empty <\"\u00e9\">", I64, []int64{0, 5}, nil},
		{"c", U8, []int64{3}, []byte{1, 2, 3}},
	}
	metadata := map[string]string{"k": "v", "a": "\n"}
	first, second := filepath.Join(dir, "1"), filepath.Join(dir, "2")
	if err := Write(first, items, metadata); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(items)
	if err := Write(second, items, metadata); err != nil {
		t.Fatal(err)
	}
	a, _ := os.ReadFile(first)
	b, _ := os.ReadFile(second)
	if !bytes.Equal(a, b) {
		t.Error("the bytes depend on the order of the items")
	}
	f, err := Open(first)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, want := f.Names(), []string{"a", "b", "c", "empty <\"\u00e9\">"}; !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
	if got := f.Metadata(); got["k"] != "v" || got["a"] != "\n" || len(got) != 2 {
		t.Errorf("metadata %q", got)
	}
	values, err := f.Float32s("b")
	if err != nil || !slices.Equal(values, []float32{1, -2, 0.5, 3}) {
		t.Errorf("b is %v (%v)", values, err)
	}
	if tensor, err := f.Tensor("b"); err != nil || tensor.DType != F32 || !slices.Equal(tensor.Shape, []int64{2, 2}) {
		t.Errorf("b is %+v (%v)", tensor, err)
	}
	if f.data%dataAlignment != 0 {
		t.Errorf("data start at %d", f.data)
	}
	if _, err := f.Float32s("c"); err == nil || !strings.Contains(err.Error(), "tensor c is U8, must be F32") {
		t.Errorf("U8 as F32: %v", err)
	}
	if _, err := f.Bytes("z"); err == nil || !strings.Contains(err.Error(), "tensor z is missing") {
		t.Errorf("missing tensor: %v", err)
	}
}

func TestWriteRefuses(t *testing.T) {
	one := FromFloat32s("a", []int64{1}, []float32{1})
	for want, items := range map[string][]Item{
		"stands twice":               {one, one},
		"reserved":                   {FromFloat32s(metadataKey, []int64{1}, []float32{1})},
		"takes 8 bytes, 4 given":     {FromFloat32s("a", []int64{2}, []float32{1})},
		"unknown dtype \"F31\"":      {{"a", "F31", []int64{1}, []byte{1}}},
		"no UTF-8":                   {FromFloat32s("\xff", []int64{1}, []float32{1})},
		"larger than any file":       {{"a", F32, []int64{1 << 40, 1 << 40}, nil}},
		"has a negative extent":      {{"a", F32, []int64{-1}, nil}},
		"tensor a: F32 [] takes 4 b": {{"a", F32, nil, nil}},
	} {
		path := filepath.Join(t.TempDir(), "x")
		err := Write(path, items, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s: a file was left", want)
		}
	}
}

// hostile are headers with what must be said of them; the data are 8 bytes.
func hostile() map[string]string {
	return map[string]string{
		`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`: `"a" stands twice`,
		`{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}`:                                        `"dtype" stands twice`,
		`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`: "overlap those of a",
		`{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`:                                                     "outside the 8 bytes",
		`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`:                                                      "bytes 0 to 4 before it belong to no tensor",
		`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`:                                                      "last 4 bytes belong to no tensor",
		`{"a":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}}`:                                                       `unknown dtype "Q4"`,
		`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`:                                                      "takes 12 bytes",
		`{"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904],"data_offsets":[0,8]}}`:                "larger than any file",
		`{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}}`:                                    "is no count",
		`{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}`:                                                    "is no count",
		`{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`:                                                     "is no count",
		`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`:                                                      "end before they begin",
		`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}`:                                                        "missing or short",
		`{"a":{"dtype":"F32","data_offsets":[0,8]}}`:                                                                  "missing or short",
		`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"extra":1}}`:                                            `unknown key "extra"`,
		`{"a":{"dtype":5,"shape":[2],"data_offsets":[0,8]}}`:                                                          "5 is no text",
		`{"a":5}`:                    "5 stands where { must",
		`{"__metadata__":{"a":1}}`:   "1 is no text",
		`{"a":{"dtype":"F32","sha`:   "unexpected",
		`{} {}`:                      "after the closing brace",
		``:                           "unexpected EOF",
		"{\"\xff\":1}":               "no UTF-8",
		`{"a":{"dtype":"F32"},"a":"`: "missing or short",
	}
}

func TestHostileHeaders(t *testing.T) {
	for header, want := range hostile() {
		if _, err := read(raw(header, "01234567")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("header %s: error %v, want %q", header, err, want)
		}
	}
}

func TestHostileLengths(t *testing.T) {
	for want, b := range map[string][]byte{
		"hold no header":                        {1, 2, 3},
		"a header of 18446744073709551615 byte": bytes.Repeat([]byte{255}, 40),
		"a header of 100 bytes in a file of 9":  append(binary.LittleEndian.AppendUint64(nil, 100), 'x'),
	} {
		if _, err := read(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	b := raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, "01234567")
	for n := range b {
		if _, err := read(b[:n]); err == nil {
			t.Errorf("a file cut to %d bytes was read", n)
		}
	}
	if _, err := read(b); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesAFolder(t *testing.T) {
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("error %v", err)
	}
}

func FuzzRead(f *testing.F) {
	for header := range hostile() {
		f.Add(raw(header, "01234567"))
	}
	f.Add(raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, "01234567"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := read(b)
		if err != nil {
			return
		}
		var total int
		for _, name := range file.Names() {
			data, err := file.Bytes(name)
			if err != nil {
				t.Errorf("tensor %q of an accepted file: %v", name, err)
			}
			total += len(data)
		}
		if want := len(b) - int(file.data); total != want {
			t.Errorf("tensors hold %d of %d bytes", total, want)
		}
	})
}
