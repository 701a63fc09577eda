// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package torchfile reads the tensors of .pth files, in PyTorch's legacy and zip formats (spec section
// 15). A pickle is read as data by a machine that knows only what such files need: a file can name no
// function to run, open no other file, and ask for no more memory than its own size allows.
package torchfile

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"mlperf-ssd/orchestrator/internal/regularfile"
	"mlperf-ssd/orchestrator/internal/tensorfile"
)

// File is an open file. Any number of goroutines may read.
type File struct {
	name    string
	source  io.ReaderAt
	closer  io.Closer
	tensors map[string]*Tensor
	names   []string
}

// Open opens a file; the caller closes it.
func Open(path string) (*File, error) {
	f, closer, err := regularfile.Parse(path, Read)
	if err != nil {
		return nil, err
	}
	f.closer = closer
	return f, nil
}

// Read reads the structure of size bytes at source; tensors are read when asked for. Errors name the
// file, as name, and the place in it.
func Read(name string, source io.ReaderAt, size int64) (*File, error) {
	f := &File{name: name, source: source}
	object, err := readObject(source, size)
	if err == nil {
		err = f.collect(object)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: read .pth: %w", name, err)
	}
	return f, nil
}

func readObject(source io.ReaderAt, size int64) (any, error) {
	head := make([]byte, min(size, int64(len(legacyMagic))))
	if n, err := source.ReadAt(head, 0); n < len(head) {
		return nil, err
	}
	switch {
	case string(head) == legacyMagic:
		return readLegacy(source, size)
	case len(head) >= len(zipMagic) && string(head[:len(zipMagic)]) == zipMagic:
		return readZip(source, size)
	case size == 0:
		return nil, errors.New("the file is empty")
	default:
		return nil, fmt.Errorf("byte 0: % x ... begins neither of PyTorch's formats", head)
	}
}

// collect takes the tensors of a state dict. Other values are left out.
func (f *File) collect(object any) error {
	state, ok := object.(*dict)
	if !ok {
		return fmt.Errorf("the file holds a %s, must be a dict of tensors", kindOf(object))
	}
	f.tensors = map[string]*Tensor{}
	for _, key := range state.keys {
		name, isText := key.(string)
		tensor, isTensor := state.values[key].(*Tensor)
		if isTensor && tensor.storage == nil {
			return fmt.Errorf("tensor %v has no data", key)
		}
		if isText && isTensor {
			f.tensors[name] = tensor
			f.names = append(f.names, name)
		}
	}
	if len(f.names) == 0 {
		return fmt.Errorf("none of the dict's %d values is a tensor", len(state.keys))
	}
	return nil
}

// Close closes what Open opened.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Names are the tensors' names in the file's order.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Tensor gives type and shape of a tensor.
func (f *File) Tensor(name string) (tensorfile.DType, []int64, error) {
	t := f.tensors[name]
	if t == nil {
		return "", nil, fmt.Errorf("%s: tensor %s is missing", f.name, name)
	}
	return t.DType, slices.Clone(t.Shape), nil
}

// Bytes reads the data of a tensor: little-endian, row-major. Of its storage it holds no more than the part
// that the tensor lies in.
func (f *File) Bytes(name string) ([]byte, error) {
	t := f.tensors[name]
	if t == nil {
		return nil, fmt.Errorf("%s: tensor %s is missing", f.name, name)
	}
	s := t.storage
	if s.root != nil {
		s = s.root
	}
	if err := s.check(f.source); err != nil {
		return nil, fmt.Errorf("%s: tensor %s: %w", f.name, name, err)
	}
	begin, end := t.span()
	if n := end - begin; n > maxSpan && !t.contiguous() {
		return nil, fmt.Errorf("%s: tensor %s: size %v and stride %v strew it over %d bytes: more than %d are refused",
			f.name, name, t.Shape, t.stride, n, maxSpan)
	}
	data := make([]byte, end-begin)
	if n, err := f.source.ReadAt(data, s.place.offset+begin); n < len(data) {
		return nil, fmt.Errorf("%s: tensor %s: read byte %d: %w", f.name, name, s.place.offset+begin, err)
	}
	return t.gather(data), nil
}
