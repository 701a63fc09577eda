// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package torchfile

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/bits"
	"slices"
	"sync"

	"mlperf-ssd/orchestrator/internal/tensorfile"
)

// maxDims bounds the shape of a tensor.
const maxDims = 32

// storage is a run of elements that tensors look into.
type storage struct {
	key   string
	dtype tensorfile.DType
	count int64 // elements of the whole storage

	// A view sees viewCount elements from viewBegin of root.
	root                 *storage // nil: it is no view
	viewBegin, viewCount int64

	place   place // of a storage that is no view
	checked sync.Once
	damage  error // what check found
}

// place is where the bytes of a storage lie in the file.
type place struct {
	offset, size int64
	sum          uint32 // CRC-32
	hasSum       bool
}

// check holds the bytes of a storage that is no view against their checksum, once.
func (s *storage) check(source io.ReaderAt) error {
	s.checked.Do(func() {
		if !s.place.hasSum {
			return
		}
		sum := crc32.NewIEEE()
		if _, err := io.Copy(sum, io.NewSectionReader(source, s.place.offset, s.place.size)); err != nil {
			s.damage = fmt.Errorf("read storage %s: %w", s.key, err)
		} else if sum.Sum32() != s.place.sum {
			s.damage = fmt.Errorf("byte %d: the checksum of storage %s is wrong: the file is damaged", s.place.offset, s.key)
		}
	})
	return s.damage
}

// elements are those that a tensor may see.
func (s *storage) elements() int64 {
	if s.root != nil {
		return s.viewCount
	}
	return s.count
}

// storageTable holds the storages that a pickle names.
type storageTable struct {
	byKey map[string]*storage
}

// resolve reads a persistent id: ("storage", type, key, location, element count[, view]).
func (t *storageTable) resolve(id any) (*storage, error) {
	values, ok := id.(tuple)
	if !ok || len(values) != 5 && len(values) != 6 || values[0] != any("storage") {
		return nil, errors.New("a persistent id names no storage")
	}
	g, isGlobal := values[1].(global)
	dtype, isStorage := storageType(g)
	key, isText := values[2].(string)
	count, isNumber := values[4].(int64)
	if !isGlobal || !isStorage || !isText || !isNumber {
		return nil, errors.New("storage: type, key or count is of a wrong kind")
	}
	if count < 0 || count > math.MaxInt64/dtype.Size() {
		return nil, fmt.Errorf("storage %s: %d elements", key, count)
	}
	s, known := t.byKey[key]
	if !known {
		s = &storage{key: key, dtype: dtype, count: count}
		t.byKey[key] = s
	}
	if s.dtype != dtype || s.count != count {
		return nil, fmt.Errorf("storage %s: once %d elements of %s, once %d of %s", key, s.count, s.dtype, count, dtype)
	}
	if len(values) == 5 || values[5] == nil {
		return s, nil
	}
	return s.view(values[5])
}

// view reads view metadata: (key, offset, size).
func (s *storage) view(metadata any) (*storage, error) {
	values, ok := metadata.(tuple)
	if !ok || len(values) != 3 {
		return nil, fmt.Errorf("storage %s: view metadata are no tuple of three", s.key)
	}
	begin, isNumber := values[1].(int64)
	count, isNumber2 := values[2].(int64)
	if !isNumber || !isNumber2 || begin < 0 || count < 0 || begin > s.count || count > s.count-begin {
		return nil, fmt.Errorf("storage %s: its view lies outside", s.key)
	}
	return &storage{key: s.key, dtype: s.dtype, root: s, viewBegin: begin, viewCount: count}, nil
}

// Tensor is a tensor of a file.
type Tensor struct {
	DType tensorfile.DType
	Shape []int64

	stride  []int64 // elements
	offset  int64   // elements
	storage *storage
}

// count is the number of elements; check has seen that it does not overflow.
func (t *Tensor) count() int64 {
	n := int64(1)
	for _, extent := range t.Shape {
		n *= extent
	}
	return n
}

// check refuses what reaches outside the storage or has more elements than it.
func (t *Tensor) check() error {
	if len(t.Shape) != len(t.stride) {
		return fmt.Errorf("size %v and stride %v", t.Shape, t.stride)
	}
	limit := t.storage.elements()
	outside := fmt.Errorf("size %v, stride %v, offset %d reach outside storage %s of %d elements",
		t.Shape, t.stride, t.offset, t.storage.key, limit)
	if t.offset < 0 || t.offset > limit || slices.ContainsFunc(t.Shape, negative) || slices.ContainsFunc(t.stride, negative) {
		return outside
	}
	if slices.Contains(t.Shape, 0) {
		return nil
	}
	count, last := int64(1), t.offset
	for i, extent := range t.Shape {
		high, low := bits.Mul64(uint64(extent-1), uint64(t.stride[i]))
		if high != 0 || low >= uint64(limit) || int64(low) > limit-1-last {
			return outside
		}
		last += int64(low)
		if count > limit/extent {
			return outside
		}
		count *= extent
	}
	if last >= limit {
		return outside
	}
	return nil
}

func negative(v int64) bool { return v < 0 }

// maxSpan bounds the bytes from the first to the last of a tensor whose elements have others between them.
const maxSpan = 256 << 20

// span is where the bytes of the tensor begin and end in those of its storage that is no view.
func (t *Tensor) span() (begin, end int64) {
	size := t.DType.Size()
	begin = t.offset
	if t.storage.root != nil {
		begin += t.storage.viewBegin
	}
	if t.count() == 0 {
		return begin * size, begin * size
	}
	last := begin
	for d, extent := range t.Shape {
		last += (extent - 1) * t.stride[d]
	}
	return begin * size, (last + 1) * size
}

// gather copies the tensor's elements out of the bytes of its span, row-major.
func (t *Tensor) gather(data []byte) []byte {
	if t.contiguous() {
		return data
	}
	size := t.DType.Size()
	count := t.count()
	out := make([]byte, 0, count*size)
	index := make([]int64, len(t.Shape))
	at := int64(0)
	for range count {
		out = append(out, data[at*size:(at+1)*size]...)
		for d := len(index) - 1; d >= 0; d-- {
			index[d]++
			at += t.stride[d]
			if index[d] < t.Shape[d] {
				break
			}
			at -= index[d] * t.stride[d]
			index[d] = 0
		}
	}
	return out
}

func (t *Tensor) contiguous() bool {
	want := int64(1)
	for d := len(t.Shape) - 1; d >= 0; d-- {
		if t.Shape[d] != 1 && t.stride[d] != want {
			return false
		}
		want *= t.Shape[d]
	}
	return true
}
