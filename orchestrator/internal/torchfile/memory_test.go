// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package torchfile

import (
	"fmt"
	"strings"
	"testing"

	"mlperf-ssd/orchestrator/internal/torchfile/torchtest"
)

// counted is a file of zeros behind its head, which notes the largest piece that is read at once.
type counted struct {
	head    []byte
	largest int
}

func (c *counted) ReadAt(to []byte, offset int64) (int, error) {
	c.largest = max(c.largest, len(to))
	clear(to)
	if offset < int64(len(c.head)) {
		copy(to, c.head[offset:])
	}
	return len(to), nil
}

// Tensors that share a storage of gigabytes do not hold it, however many they are.
func TestBytesHoldTheTensorAlone(t *testing.T) {
	const elements = 1 << 32
	small := torchtest.Tensor{Name: "small", Shape: []int64{3}, Offset: elements - 3, Count: elements, Key: "0"}
	column := torchtest.Tensor{Name: "column", Shape: []int64{3}, Stride: []int64{1000}, Count: elements, Key: "0"}
	strewn := torchtest.Tensor{Name: "strewn", Shape: []int64{2}, Stride: []int64{elements - 1}, Count: elements, Key: "0"}
	source := &counted{head: torchtest.LegacyOf(torchtest.StateDict(true, []torchtest.Tensor{small, column, strewn}), small)}
	f, err := Read("x.pth", source, int64(len(source.head))+4*elements)
	if err != nil {
		t.Fatal(err)
	}
	source.largest = 0
	expectTensor(t, f, "small", []int64{3}, 0, 0, 0)
	expectTensor(t, f, "column", []int64{3}, 0, 0, 0)
	if want := 4 * 2001; source.largest != want {
		t.Errorf("%d bytes are read at once, want %d", source.largest, want)
	}
	want := fmt.Sprintf("x.pth: tensor strewn: size [2] and stride [%d] strew it over %d bytes: more than %d", int64(elements-1), int64(4*elements), maxSpan)
	if _, err := f.Bytes("strewn"); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// An archive's list of entries takes several times its size in memory.
func TestManyEntries(t *testing.T) {
	a := torchtest.Tensor{Name: "a", Shape: []int64{2}, Values: []float32{1, 2}}
	entries := torchtest.Entries(a)
	for i := range maxDirectory / 50 {
		entries = append(entries, torchtest.Entry{Name: fmt.Sprintf("archive/%d", i)})
	}
	b := mustZip(t, entries...)
	expectError(t, b, "archive: its list of entries has more than 4194304 bytes, which is refused")
	if _, err := read(mustZip(t, entries[:1000]...)); err != nil {
		t.Errorf("a thousand entries: %v", err)
	}
}
