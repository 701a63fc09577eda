// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package torchfile

import (
	"archive/zip"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"strings"
)

const zipMagic = "PK\x03\x04"

// maxWord bounds the entries that hold a word.
const maxWord = 64

// maxDirectory bounds the bytes of the list of entries, of which each takes several times as many in
// memory. A full model has 30 KB of them.
const maxDirectory = 4 << 20

// budget gives no more than some bytes of a source.
type budget struct {
	source io.ReaderAt
	left   int64
}

func (b *budget) ReadAt(to []byte, offset int64) (int, error) {
	if int64(len(to)) > b.left {
		return 0, fmt.Errorf("its list of entries has more than %d bytes, which is refused", maxDirectory)
	}
	b.left -= int64(len(to))
	return b.source.ReadAt(to, offset)
}

// readZip reads an archive of stored entries below one folder.
func readZip(source io.ReaderAt, size int64) (any, error) {
	directory := &budget{source: source, left: maxDirectory}
	archive, err := zip.NewReader(directory, size)
	directory.left = math.MaxInt64
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // checkName refuses it with the name
		guess := ""
		if errors.Is(err, zip.ErrFormat) {
			guess = " (truncated?)"
		}
		return nil, fmt.Errorf("archive: %w%s", err, guess)
	}
	entries, err := index(archive, size)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	if err := checkWords(entries, source); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	pickle, ok := entries["data.pkl"]
	if !ok {
		return nil, errors.New("archive: entry data.pkl is missing")
	}
	if pickle.size > maxPickle {
		return nil, fmt.Errorf("archive: data.pkl has %d bytes: more than %d are refused", pickle.size, maxPickle)
	}
	text, err := contentOf("data.pkl", pickle, source)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	m := newMachine(bytes.NewReader(text), 0, pickle.size)
	object, err := m.load()
	if err != nil {
		return nil, fmt.Errorf("data.pkl: %w", err)
	}
	if m.offset != pickle.size {
		return nil, fmt.Errorf("data.pkl: byte %d: %d bytes behind the pickle", m.offset, pickle.size-m.offset)
	}
	return object, locateZip(m.storages, entries)
}

// index finds where the entries lie, by their names below the one top folder.
func index(archive *zip.Reader, size int64) (map[string]place, error) {
	type span struct {
		name string
		place
	}
	entries := map[string]place{}
	var spans []span
	top := ""
	for i, file := range archive.File {
		if err := checkName(file.Name); err != nil {
			return nil, err
		}
		folder, name, ok := strings.Cut(file.Name, "/")
		if i == 0 {
			top = folder
		}
		if !ok || folder != top {
			return nil, fmt.Errorf("entry %q lies outside the folder %q", file.Name, top)
		}
		p, err := locate(file, size)
		if err != nil {
			return nil, fmt.Errorf("entry %q: %w", file.Name, err)
		}
		if _, twice := entries[name]; twice {
			return nil, fmt.Errorf("entry %q stands twice", file.Name)
		}
		entries[name] = p
		spans = append(spans, span{file.Name, p})
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.offset, b.offset) })
	for i := 1; i < len(spans); i++ {
		if before := spans[i-1]; before.offset+before.size > spans[i].offset {
			return nil, fmt.Errorf("byte %d: entry %q overlaps %q", spans[i].offset, spans[i].name, before.name)
		}
	}
	return entries, nil
}

func checkName(name string) error {
	odd := strings.ContainsAny(name, "\\\x00")
	for part := range strings.SplitSeq(name, "/") {
		odd = odd || part == "" || part == "." || part == ".."
	}
	if odd {
		return fmt.Errorf("entry %q: the name is absolute or leaves its folder", name)
	}
	return nil
}

func locate(file *zip.File, size int64) (place, error) {
	const encrypted = 1
	switch {
	case file.Method != zip.Store:
		return place{}, fmt.Errorf("compressed (method %d): PyTorch stores", file.Method)
	case file.Flags&encrypted != 0:
		return place{}, errors.New("encrypted")
	case file.CompressedSize64 != file.UncompressedSize64:
		return place{}, fmt.Errorf("stored, but its sizes differ: %d and %d", file.CompressedSize64, file.UncompressedSize64)
	}
	offset, err := file.DataOffset()
	if err != nil {
		return place{}, err
	}
	if offset < 0 || offset > size || file.UncompressedSize64 > uint64(size-offset) {
		return place{}, fmt.Errorf("its %d bytes from byte %d on reach outside the file of %d",
			file.UncompressedSize64, offset, size)
	}
	return place{offset, int64(file.UncompressedSize64), file.CRC32, true}, nil
}

// contentOf reads an entry.
func contentOf(name string, p place, source io.ReaderAt) ([]byte, error) {
	content := make([]byte, p.size)
	if n, err := source.ReadAt(content, p.offset); n < len(content) {
		return nil, fmt.Errorf("%s: read byte %d: %w", name, p.offset, err)
	}
	if crc32.ChecksumIEEE(content) != p.sum {
		return nil, fmt.Errorf("%s: byte %d: the checksum is wrong: the file is damaged", name, p.offset)
	}
	return content, nil
}

// checkWords reads the entries that say how the others are to be read.
func checkWords(entries map[string]place, source io.ReaderAt) error {
	for _, entry := range []struct {
		name, want string
		optional   bool
	}{{"version", "3", false}, {"byteorder", "little", true}} {
		p, ok := entries[entry.name]
		switch {
		case !ok && entry.optional:
			continue
		case !ok:
			return fmt.Errorf("entry %s is missing", entry.name)
		case p.size > maxWord:
			return fmt.Errorf("entry %s has %d bytes", entry.name, p.size)
		}
		content, err := contentOf(entry.name, p, source)
		if err != nil {
			return err
		}
		if got := strings.TrimSpace(string(content)); got != entry.want {
			return fmt.Errorf("%s is %q, must be %q", entry.name, got, entry.want)
		}
	}
	return nil
}

// locateZip gives the storages their entries.
func locateZip(table *storageTable, entries map[string]place) error {
	for key, s := range table.byKey {
		p, ok := entries["data/"+key]
		if !ok {
			return fmt.Errorf("archive: entry data/%s is missing", key)
		}
		if want := s.count * s.dtype.Size(); p.size != want {
			return fmt.Errorf("archive: byte %d: data/%s has %d bytes, its tensors say %d", p.offset, key, p.size, want)
		}
		s.place = p
	}
	return nil
}
