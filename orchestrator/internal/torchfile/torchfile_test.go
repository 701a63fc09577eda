// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package torchfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mlperf-ssd/orchestrator/internal/tensorfile"
	"mlperf-ssd/orchestrator/internal/torchfile/torchtest"
)

func read(b []byte) (*File, error) { return Read("x.pth", bytes.NewReader(b), int64(len(b))) }

func mustZip(t testing.TB, entries ...torchtest.Entry) []byte {
	t.Helper()
	b, err := torchtest.Zip(entries...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vector is the file of vector V17, written by PyTorch itself.
func vector(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "legacy_v17.hex"))
	if err != nil {
		t.Fatal(err)
	}
	b, err = hex.DecodeString(strings.Join(strings.Fields(string(b)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func expectTensor(t *testing.T, f *File, name string, shape []int64, want ...float32) {
	t.Helper()
	dtype, got, err := f.Tensor(name)
	if err != nil || dtype != tensorfile.F32 || !slices.Equal(got, shape) {
		t.Errorf("%s is %s %v (%v), want F32 %v", name, dtype, got, err, shape)
	}
	data, err := f.Bytes(name)
	if err != nil {
		t.Error(err)
	}
	var values []float32
	for i := 0; i+4 <= len(data); i += 4 {
		values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(data[i:])))
	}
	if !slices.Equal(values, want) {
		t.Errorf("%s = %v, want %v", name, values, want)
	}
}

func expectError(t *testing.T, b []byte, want string) {
	t.Helper()
	_, err := read(b)
	if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "x.pth: ") {
		t.Errorf("error %v, want x.pth and %q", err, want)
	}
}

func TestVectorV17(t *testing.T) {
	b := vector(t)
	if len(b) != 496 {
		t.Fatalf("%d bytes, want 496", len(b))
	}
	f, err := read(b)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"conv1.weight", "bn1.bias"}; !slices.Equal(f.Names(), want) {
		t.Errorf("names %q, want %q", f.Names(), want)
	}
	expectTensor(t, f, "conv1.weight", []int64{2, 2}, 1, -2, 0.5, 3)
	expectTensor(t, f, "bn1.bias", []int64{1}, 0.25)
	for n := range b {
		if _, err := read(b[:n]); err == nil {
			t.Errorf("the file cut to %d bytes was read", n)
		}
	}
	expectError(t, append(b, 0), "byte 496: 1 bytes behind the last storage")
}

func some() []torchtest.Tensor {
	return []torchtest.Tensor{
		{Name: "a", Shape: []int64{2, 3}, Values: []float32{0, 1, 2, 3, 4, 5}},
		{Name: "transposed", Shape: []int64{2, 2}, Stride: []int64{1, 2}, Offset: 1, Values: []float32{9, 1, 2, 3, 4}},
		{Name: "scalar", Values: []float32{7}},
		{Name: "empty", Shape: []int64{0, 4}},
	}
}

func TestBothFormats(t *testing.T) {
	for name, b := range map[string][]byte{"legacy": torchtest.Legacy(some()...), "zip": mustZip(t, torchtest.Entries(some()...)...)} {
		f, err := read(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		expectTensor(t, f, "a", []int64{2, 3}, 0, 1, 2, 3, 4, 5)
		expectTensor(t, f, "transposed", []int64{2, 2}, 1, 3, 2, 4)
		expectTensor(t, f, "scalar", []int64{}, 7)
		expectTensor(t, f, "empty", []int64{0, 4})
		for n := range b {
			if _, err := read(b[:n]); err == nil {
				t.Errorf("%s: the file cut to %d bytes was read", name, n)
			}
		}
	}
}

// TestFilesOf2017 has what old files have: parameters around tensors, the first _rebuild_tensor, byte
// strings, NEWOBJ, views of storages.
func TestFilesOf2017(t *testing.T) {
	storage := torchtest.Tensor{Values: []float32{1, 2, 3, 4}}
	p := &torchtest.Pickle{}
	ref := func(view bool) {
		p.Op('(').Op('U', 7).WriteString("storage")
		p.Global("torch", "FloatStorage").Op('U', 1, '0').Op('U', 3).WriteString("cpu")
		p.Int(4)
		if view {
			p.Op('(').Text("v").Int(1).Int(3).Op('t')
		} else {
			p.Op('N')
		}
		p.Op('t').Op('Q')
	}
	tensor := func(view bool) {
		p.Global("torch._utils", "_rebuild_tensor").Op('(')
		ref(view)
		p.Int(1).Ints([]int64{2}).Ints([]int64{1}).Op('t').Op('R')
	}
	p.Op(0x80, 2).Op('}').Op('(')
	p.Text("called").Global("torch.nn.parameter", "Parameter")
	tensor(false)
	p.Op(0x85).Op('R').Op('(').Op(0x88).Op(0x89).Op('N').Op('t').Op('b')
	p.Text("state").Global("torch.nn.parameter", "Parameter").Op(')').Op(0x81).Op('(')
	tensor(true)
	p.Op('N').Op('N').Op(0x88).Op(0x89).Op('t').Op('b')
	p.Text("rebuilt").Global("torch._utils", "_rebuild_parameter")
	tensor(false)
	p.Op(0x88).Global("collections", "OrderedDict").Op(']').Op(0x85).Op('R').Op(0x87).Op('R')
	p.Text("epoch").Int(3)
	p.Op('u').Op('.')
	f, err := read(torchtest.LegacyOf(p, storage))
	if err != nil {
		t.Fatal(err)
	}
	expectTensor(t, f, "called", []int64{2}, 2, 3)
	expectTensor(t, f, "state", []int64{2}, 3, 4)
	expectTensor(t, f, "rebuilt", []int64{2}, 2, 3)
	if slices.Contains(f.Names(), "epoch") {
		t.Error("a number is called a tensor")
	}
}

// program is a pickle that does as told and then ends.
func program(steps func(p *torchtest.Pickle)) *torchtest.Pickle {
	p := &torchtest.Pickle{}
	p.Op(0x80, 2)
	steps(p)
	return p.Op('.')
}

func TestHostilePickles(t *testing.T) {
	for want, steps := range map[string]func(p *torchtest.Pickle){
		`global "os system" is refused`: func(p *torchtest.Pickle) { p.Global("os", "system").Text("true").Op(0x85).Op('R') },
		`global "torch FloatTensor" is`: func(p *torchtest.Pickle) { p.Global("torch", "FloatTensor") },
		"opcode 0x93 STACK_GLOBAL is":   func(p *torchtest.Pickle) { p.Text("os").Text("system").Op(0x93) },
		"opcode 0x69 INST is":           func(p *torchtest.Pickle) { p.Op('(').Op('i') },
		"protocol 4 is refused":         func(p *torchtest.Pickle) { p.Op(0x80, 4) },
		"a text of 4294967295 bytes":    func(p *torchtest.Pickle) { p.Op('X', 255, 255, 255, 255) },
		"the stack is empty":            func(p *torchtest.Pickle) { p.Op('R') },
		"there is no mark":              func(p *torchtest.Pickle) { p.Op('t') },
		"a mark stands where":           func(p *torchtest.Pickle) { p.Op('(').Op('q', 0) },
		"nothing at 5 in the memo":      func(p *torchtest.Pickle) { p.Op('h', 5) },
		"a number of 200 bytes":         func(p *torchtest.Pickle) { p.Op(0x8a, 200) },
		"a text is called":              func(p *torchtest.Pickle) { p.Text("f").Op(')').Op('R') },
		"is no function":                func(p *torchtest.Pickle) { p.Global("torch", "FloatStorage").Op(')').Op('R') },
		"names no storage":              func(p *torchtest.Pickle) { p.Op(')').Op('Q') },
		"a dict's key is a tuple":       func(p *torchtest.Pickle) { p.Op('}').Op(')').Op('N').Op('s') },
		`"a" stands twice`:              func(p *torchtest.Pickle) { p.Op('}').Op('(').Text("a").Op('N').Text("a").Op('N').Op('u') },
		"a dict gets no pairs":          func(p *torchtest.Pickle) { p.Op('}').Op('(').Text("a").Op('u') },
		"items for a number":            func(p *torchtest.Pickle) { p.Int(1).Op('N').Op('a') },
		"state for a list":              func(p *torchtest.Pickle) { p.Op(']').Op('N').Op('b') },
		"must be a dict of tensors":     func(p *torchtest.Pickle) { p.Op(']') },
		"1 values are left over":        func(p *torchtest.Pickle) { p.Op('N').Op('N') },
		"values is a tensor":            func(p *torchtest.Pickle) { p.Op('}').Text("a").Int(1).Op('s') },
		"tensor a has no data": func(p *torchtest.Pickle) {
			p.Op('}').Text("a").Global("torch.nn.parameter", "Parameter").Op(')').Op(0x81).Op('s')
		},
		"more than 524288 values": func(p *torchtest.Pickle) { p.Op(']').Write(bytes.Repeat([]byte("}a"), maxPushed)) },
		"values on the stack":     func(p *torchtest.Pickle) { p.Write(bytes.Repeat([]byte{'N'}, maxStack+1)) },
		"a name of more than":     func(p *torchtest.Pickle) { p.Op('c').Write(bytes.Repeat([]byte{'x'}, maxText+2)) },
		"values in the memo":      memoBomb,
		"OrderedDict: more than":  copyBomb,
		"arguments are a text":    func(p *torchtest.Pickle) { p.Global("collections", "OrderedDict").Text("x").Op('R') },
		"no list of pairs":        func(p *torchtest.Pickle) { p.Global("collections", "OrderedDict").Op(')').Op(0x85).Op('R') },
		"opcode 0x47 BINFLOAT is": func(p *torchtest.Pickle) { p.Op('G', 0, 0, 0, 0, 0, 0, 0, 0) },
	} {
		pickle := program(steps)
		expectError(t, torchtest.LegacyOf(pickle), want)
		expectError(t, mustZip(t,
			torchtest.Entry{Name: "a/data.pkl", Content: pickle.Bytes()},
			torchtest.Entry{Name: "a/version", Content: []byte("3")},
		), want)
	}
}

func memoBomb(p *torchtest.Pickle) {
	p.Op('N')
	for i := range uint32(maxMemo + 1) {
		p.Op('r', binary.LittleEndian.AppendUint32(nil, i)...)
	}
}

// copyBomb is a list of pairs from which a few bytes at a time make one more dict.
func copyBomb(p *torchtest.Pickle) {
	const pairs, copies = 1 << 12, 1 << 8
	p.Global("collections", "OrderedDict").Op('q', 0).Op(']')
	for i := range int64(pairs) {
		p.Int(i).Op('N').Op(0x86).Op('a')
	}
	p.Op(0x85).Op('q', 1).Op('R')
	for range copies {
		p.Op('h', 0).Op('h', 1).Op('R')
	}
}

// TestErrorsNameThePlace counts the bytes before the refused opcode: 137 in the vector's file are the
// first three pickles.
func TestErrorsNameThePlace(t *testing.T) {
	b := vector(t)
	b[137+2] = 'i'
	expectError(t, b, "byte 139: pickle: opcode 0x69 INST")
}

func TestHostileTensors(t *testing.T) {
	values := []float32{1, 2, 3, 4}
	for name, tensor := range map[string]torchtest.Tensor{
		"large":    {Shape: []int64{5}},
		"offset":   {Shape: []int64{4}, Offset: 1},
		"stride":   {Shape: []int64{2}, Stride: []int64{4}},
		"expanded": {Shape: []int64{1 << 40}, Stride: []int64{0}},
		"negative": {Shape: []int64{-1}},
		"before":   {Shape: []int64{1}, Offset: -1},
		"backward": {Shape: []int64{2}, Stride: []int64{-1}, Offset: 1},
		"overflow": {Shape: []int64{1 << 62, 1 << 62}, Stride: []int64{1 << 62, 1 << 62}},
	} {
		tensor.Name, tensor.Values = name, values
		expectError(t, torchtest.Legacy(tensor), "reach outside storage 0 of 4 elements")
	}
	expectError(t, torchtest.Legacy(torchtest.Tensor{Name: "a", Shape: []int64{1}, Stride: []int64{1, 1}, Values: values}), "size [1] and stride [1 1]")
	expectError(t, torchtest.Legacy(torchtest.Tensor{Name: "a", Shape: []int64{1}, Values: values, Count: math.MaxInt64}), "9223372036854775807 elements")
}

func TestHostileStorages(t *testing.T) {
	a := torchtest.Tensor{Name: "a", Shape: []int64{2}, Values: []float32{1, 2}}
	claims := a
	claims.Count = 1 << 40
	expectError(t, torchtest.Legacy(claims), "takes 4398046511104 bytes, 8 are left")
	zipped := torchtest.Entries(claims)
	expectError(t, mustZip(t, zipped...), "data/0 has 8 bytes, its tensors say 4398046511104")

	pickle := torchtest.StateDict(true, []torchtest.Tensor{a})
	expectError(t, torchtest.LegacyOf(pickle), `storage "0" is missing`)
	expectError(t, torchtest.LegacyOf(pickle, a, torchtest.Tensor{Key: "0"}), `storage "0" stands twice`)
	expectError(t, torchtest.LegacyOf(pickle, a, torchtest.Tensor{Key: "z"}), `no tensor uses storage "z"`)
	expectError(t, torchtest.LegacyOf(pickle, torchtest.Tensor{Values: []float32{1}}), `storage "0" has 1 elements, its tensors say 2`)
	other := a
	other.Name, other.Storage, other.Key = "b", "IntStorage", "0"
	expectError(t, torchtest.Legacy(a, other), "storage 0: once 2 elements of F32, once 2 of I32")
}

func TestHostileArchives(t *testing.T) {
	a := torchtest.Tensor{Name: "a", Shape: []int64{2}, Values: []float32{1, 2}}
	entries := torchtest.Entries(a)
	with := func(e ...torchtest.Entry) []byte { return mustZip(t, append(slices.Clone(entries), e...)...) }
	for want, b := range map[string][]byte{
		`"archive/data/0" stands twice`:      with(entries[3]),
		`"/etc/passwd": the name is`:         with(torchtest.Entry{Name: "/etc/passwd"}),
		`"archive/../x": the name is`:        with(torchtest.Entry{Name: "archive/../x"}),
		`"archive\\x": the name is`:          with(torchtest.Entry{Name: `archive\x`}),
		`"other/x" lies outside the folder`:  with(torchtest.Entry{Name: "other/x"}),
		`"archive/bomb": compressed (method`: with(torchtest.Entry{Name: "archive/bomb", Method: zip.Deflate, Content: make([]byte, 1<<20)}),
		"entry version is missing":           mustZip(t, entries[0], entries[3]),
		"entry data.pkl is missing":          mustZip(t, entries[1:]...),
		"entry data/0 is missing":            mustZip(t, entries[:3]...),
		`byteorder is "big"`:                 mustZip(t, entries[0], torchtest.Entry{Name: "archive/byteorder", Content: []byte("big")}, entries[2], entries[3]),
		`version is "4"`:                     mustZip(t, entries[0], entries[1], torchtest.Entry{Name: "archive/version", Content: []byte("4")}, entries[3]),
	} {
		expectError(t, b, want)
	}
	b := mustZip(t, entries...)
	overlapping := bytes.Clone(b)
	// The central directory's last entry then begins where the first does.
	last := bytes.LastIndex(overlapping, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(overlapping[last+42:], 0)
	expectError(t, overlapping, "overlaps")
	outside := bytes.Clone(b)
	binary.LittleEndian.PutUint32(outside[last+20:], 1<<30)
	binary.LittleEndian.PutUint32(outside[last+24:], 1<<30)
	expectError(t, outside, "reach outside the file")
	damaged := bytes.Clone(b)
	damaged[bytes.Index(damaged, []byte("_rebuild_tensor_v2"))] = 'X'
	expectError(t, damaged, "the checksum is wrong")
	trailing := mustZip(t, append([]torchtest.Entry{{Name: "archive/data.pkl", Content: append(bytes.Clone(entries[0].Content), '.')}}, entries[1:]...)...)
	expectError(t, trailing, "1 bytes behind the pickle")

	damaged = bytes.Clone(b)
	damaged[bytes.Index(b, []byte("\x00\x00\x80\x3f\x00\x00\x00\x40"))] ^= 1
	f, err := read(damaged)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Bytes("a"); err == nil || !strings.Contains(err.Error(), "tensor a: byte") {
		t.Errorf("a damaged storage: %v", err)
	}
}

func TestOtherFiles(t *testing.T) {
	for want, b := range map[string][]byte{
		"the file is empty":          nil,
		"neither of PyTorch's":       []byte("hello, this is no tensor file"),
		"68 65 6c ... begins":        []byte("hel"),
		"archive: zip: not a valid":  []byte("PK\x03\x04 and nothing more"),
		"the protocol is not 1001":   append([]byte(legacyMagic), 0x80, 2, 'K', 5, '.'),
		"must be a dict":             append([]byte(legacyMagic), 0x80, 2, 'M', 0xe9, 3, '.', 0x80, 2, 'N', '.'),
		"protocol_version is not 10": append([]byte(legacyMagic), 0x80, 2, 'M', 0xe9, 3, '.', 0x80, 2, '}', '.'),
	} {
		expectError(t, b, want)
	}
	b := vector(t)
	at := regexp.MustCompile("little_endianq\x02").FindIndex(b)
	b[at[1]] = 0x89
	expectError(t, b, "big-endian machines are refused")
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Open("/none.pth"); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(vector(f))
	f.Add(torchtest.Legacy(some()...))
	f.Add(mustZip(f, torchtest.Entries(some()...)...))
	f.Add(torchtest.LegacyOf(program(func(p *torchtest.Pickle) { p.Global("os", "system").Text("true").Op(0x85).Op('R') })))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := read(b)
		if err != nil {
			return
		}
		for _, name := range file.Names() {
			dtype, shape, err := file.Tensor(name)
			if err != nil {
				t.Fatal(err)
			}
			data, err := file.Bytes(name)
			if err != nil {
				continue
			}
			want := dtype.Size()
			for _, extent := range shape {
				want *= extent
			}
			if int64(len(data)) != want {
				t.Errorf("tensor %q of %s %v has %d bytes", name, dtype, shape, len(data))
			}
		}
	})
}
