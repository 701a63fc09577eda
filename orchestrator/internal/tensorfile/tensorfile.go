// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package tensorfile reads and writes safetensors files: 8 bytes of little-endian header length, a JSON
// header, then the data of the tensors without gaps.
package tensorfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"mlperf-ssd/orchestrator/internal/regularfile"
)

// maxHeader bounds the memory that a header may ask for, which is many times its bytes: a full model has
// 40 KB.
const maxHeader = 16 << 20

// Tensor is one entry of a header.
type Tensor struct {
	Name  string
	DType DType
	Shape []int64

	begin, end int64 // of its bytes, from the start of the data
}

// File is an open safetensors file. Its header is checked as a whole on opening: every tensor lies
// inside the file, none overlaps another, no byte is left over. Any number of goroutines may read.
type File struct {
	name     string
	source   io.ReaderAt
	closer   io.Closer
	data     int64 // where the data start
	tensors  map[string]Tensor
	metadata map[string]string
}

// Open opens a file; the caller closes it. Errors name the file and the tensor.
func Open(path string) (*File, error) {
	f, closer, err := regularfile.Parse(path, Read)
	if err != nil {
		return nil, err
	}
	f.closer = closer
	return f, nil
}

// Read reads the header of size bytes at source; name stands in errors.
func Read(name string, source io.ReaderAt, size int64) (*File, error) {
	fail := func(err error) (*File, error) { return nil, fmt.Errorf("%s: read safetensors: %w", name, err) }
	if size < 8 {
		return fail(fmt.Errorf("%d bytes hold no header", size))
	}
	var prefix [8]byte
	if _, err := source.ReadAt(prefix[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return fail(err)
	}
	length := binary.LittleEndian.Uint64(prefix[:])
	if length > uint64(size-8) {
		return fail(fmt.Errorf("a header of %d bytes in a file of %d (truncated, or no safetensors file)", length, size))
	}
	if length > maxHeader {
		return fail(fmt.Errorf("a header of %d bytes: more than %d are refused", length, maxHeader))
	}
	header := make([]byte, length)
	if _, err := source.ReadAt(header, 8); err != nil && !errors.Is(err, io.EOF) {
		return fail(err)
	}
	f := &File{name: name, source: source, data: 8 + int64(length)}
	var err error
	if f.tensors, f.metadata, err = parseHeader(header, size-f.data); err != nil {
		return fail(err)
	}
	return f, nil
}

// Close closes what Open opened.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Names are the tensors' names, sorted.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.tensors)) }

// Metadata is a copy of the header's text pairs.
func (f *File) Metadata() map[string]string { return maps.Clone(f.metadata) }

// Has reports whether the file holds the tensor.
func (f *File) Has(name string) bool {
	_, ok := f.tensors[name]
	return ok
}

// Tensor is the header's entry of name.
func (f *File) Tensor(name string) (Tensor, error) {
	t, ok := f.tensors[name]
	if !ok {
		return Tensor{}, fmt.Errorf("%s: tensor %s is missing", f.name, name)
	}
	t.Shape = slices.Clone(t.Shape)
	return t, nil
}

// Bytes reads the data of a tensor: little-endian, row-major.
func (f *File) Bytes(name string) ([]byte, error) {
	t, err := f.Tensor(name)
	if err != nil {
		return nil, err
	}
	data := make([]byte, t.end-t.begin)
	if n, err := f.source.ReadAt(data, f.data+t.begin); n < len(data) {
		return nil, fmt.Errorf("%s: tensor %s: read: %w", f.name, name, err)
	}
	return data, nil
}

// Float32s reads a tensor of type F32.
func (f *File) Float32s(name string) ([]float32, error) {
	t, err := f.Tensor(name)
	if err != nil {
		return nil, err
	}
	if t.DType != F32 {
		return nil, fmt.Errorf("%s: tensor %s is %s, must be %s", f.name, name, t.DType, F32)
	}
	data, err := f.Bytes(name)
	if err != nil {
		return nil, err
	}
	values := make([]float32, len(data)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return values, nil
}
