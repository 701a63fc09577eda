// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package torchtest writes .pth files for tests, as torch.save does (spec section 15).
package torchtest

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"strconv"
)

// Tensor is a tensor to write, of type f32 unless Storage names another.
type Tensor struct {
	Name    string
	Shape   []int64
	Stride  []int64 // nil: row-major
	Offset  int64
	Values  []float32 // its whole storage
	Storage string    // "" = FloatStorage
	Count   int64     // elements that the pickle claims, 0 = as many as Values
	Key     string    // of the storage, "" = the tensor's index
}

// Pickle writes opcodes.
type Pickle struct{ bytes.Buffer }

// Op writes an opcode with its operand's bytes.
func (p *Pickle) Op(code byte, operand ...byte) *Pickle {
	p.WriteByte(code)
	p.Write(operand)
	return p
}

// Text writes a BINUNICODE.
func (p *Pickle) Text(s string) *Pickle {
	p.Op('X', binary.LittleEndian.AppendUint32(nil, uint32(len(s)))...)
	p.WriteString(s)
	return p
}

// Int writes the shortest of BININT1, BININT and LONG1.
func (p *Pickle) Int(n int64) *Pickle {
	switch {
	case n >= 0 && n < 256:
		return p.Op('K', byte(n))
	case n == int64(int32(n)):
		return p.Op('J', binary.LittleEndian.AppendUint32(nil, uint32(n))...)
	default:
		return p.Op(0x8a, append([]byte{8}, binary.LittleEndian.AppendUint64(nil, uint64(n))...)...)
	}
}

// Global writes a GLOBAL.
func (p *Pickle) Global(module, name string) *Pickle {
	p.Op('c')
	p.WriteString(module + "\n" + name + "\n")
	return p
}

// Ints writes a tuple of numbers.
func (p *Pickle) Ints(values []int64) *Pickle {
	p.Op('(')
	for _, v := range values {
		p.Int(v)
	}
	return p.Op('t')
}

func (t Tensor) storage() string {
	if t.Storage == "" {
		return "FloatStorage"
	}
	return t.Storage
}

func (t Tensor) key(i int) string {
	if t.Key == "" {
		return strconv.Itoa(i)
	}
	return t.Key
}

func (t Tensor) count() int64 {
	if t.Count != 0 {
		return t.Count
	}
	return int64(len(t.Values))
}

func (t Tensor) stride() []int64 {
	if t.Stride != nil {
		return t.Stride
	}
	stride := make([]int64, len(t.Shape))
	step := int64(1)
	for d := len(stride) - 1; d >= 0; d-- {
		stride[d] = step
		step *= t.Shape[d]
	}
	return stride
}

func (t Tensor) data() []byte {
	var b []byte
	for _, v := range t.Values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// StateDict is the pickle of an ordered dict of tensors.
func StateDict(legacy bool, tensors []Tensor) *Pickle {
	p := &Pickle{}
	p.Op(0x80, 2).Global("collections", "OrderedDict").Op(')').Op('R').Op('(')
	for i, t := range tensors {
		p.Text(t.Name)
		p.Global("torch._utils", "_rebuild_tensor_v2").Op('(')
		p.Op('(').Text("storage").Global("torch", t.storage()).Text(t.key(i)).Text("cpu").Int(t.count())
		if legacy {
			p.Op('N')
		}
		p.Op('t').Op('Q')
		p.Int(t.Offset).Ints(t.Shape).Ints(t.stride()).Op(0x89)
		p.Global("collections", "OrderedDict").Op(')').Op('R').Op('t').Op('R')
	}
	p.Op('u')
	p.Op('}').Text("_metadata").Op('}').Op('s').Op('b') // attributes, as nn.Module.state_dict leaves them
	return p.Op('.')
}

// Legacy is a file in the legacy format.
func Legacy(tensors ...Tensor) []byte {
	return LegacyOf(StateDict(true, tensors), tensors...)
}

// LegacyOf is a legacy file around a pickle, with the storages of tensors.
func LegacyOf(object *Pickle, tensors ...Tensor) []byte {
	p := &Pickle{}
	p.Op(0x80, 2).Op(0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19).Op('.')
	p.Op(0x80, 2).Int(1001).Op('.')
	p.Op(0x80, 2).Op('}').Op('(').Text("protocol_version").Int(1001).Text("little_endian").Op(0x88).Op('u').Op('.')
	p.Write(object.Bytes())
	p.Op(0x80, 2).Op(']').Op('(')
	for i, t := range tensors {
		p.Text(t.key(i))
	}
	p.Op('e').Op('.')
	for _, t := range tensors {
		_ = binary.Write(p, binary.LittleEndian, t.count())
		p.Write(t.data())
	}
	return p.Bytes()
}

// Entry is a member of an archive.
type Entry struct {
	Name    string
	Content []byte
	Method  uint16 // zip.Store or zip.Deflate
}

// Entries are those of a zip file, below the folder "archive".
func Entries(tensors ...Tensor) []Entry {
	entries := []Entry{
		{Name: "archive/data.pkl", Content: StateDict(false, tensors).Bytes()},
		{Name: "archive/byteorder", Content: []byte("little")},
		{Name: "archive/version", Content: []byte("3\n")},
	}
	for i, t := range tensors {
		entries = append(entries, Entry{Name: "archive/data/" + t.key(i), Content: t.data()})
	}
	return entries
}

// Zip is an archive of entries, each with its sizes in front of it.
func Zip(entries ...Entry) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.Name, Method: e.Method}
		if e.Method != zip.Store {
			f, err := w.CreateHeader(header)
			if err != nil {
				return nil, err
			}
			if _, err := f.Write(e.Content); err != nil {
				return nil, err
			}
			continue
		}
		header.CRC32 = crc32.ChecksumIEEE(e.Content)
		header.CompressedSize64 = uint64(len(e.Content))
		header.UncompressedSize64 = uint64(len(e.Content))
		f, err := w.CreateRaw(header)
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(e.Content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}
