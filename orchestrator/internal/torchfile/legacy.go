// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package torchfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// legacyMagic is the first pickle: PROTO 2, LONG1 of 0x1950a86a20f9469cfc6c, STOP.
const legacyMagic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e"

const legacyProtocol = 1001

// readLegacy reads four more pickles and finds the storages behind them.
func readLegacy(source io.ReaderAt, size int64) (any, error) {
	begin := int64(len(legacyMagic))
	m := newMachine(source, begin, size-begin)
	version, err := m.load()
	if err != nil {
		return nil, err
	}
	if version != any(int64(legacyProtocol)) {
		return nil, fmt.Errorf("byte %d: the protocol is not %d", begin, legacyProtocol)
	}
	at := m.offset
	system, err := m.load()
	if err != nil {
		return nil, err
	}
	if err := checkSystem(system); err != nil {
		return nil, fmt.Errorf("byte %d: %w", at, err)
	}
	object, err := m.load()
	if err != nil {
		return nil, err
	}
	at = m.offset
	keys, err := m.load()
	if err != nil {
		return nil, err
	}
	order, ok := keys.(*list)
	if !ok {
		return nil, fmt.Errorf("byte %d: the storage keys are a %s, must be a list", at, kindOf(keys))
	}
	return object, locateLegacy(m.storages, order, source, m.offset, size)
}

// checkSystem refuses files of machines whose numbers are not ours.
func checkSystem(value any) error {
	d, ok := value.(*dict)
	if !ok {
		return fmt.Errorf("the system's facts are a %s, must be a dict", kindOf(value))
	}
	if d.values["protocol_version"] != any(int64(legacyProtocol)) {
		return fmt.Errorf("protocol_version is not %d", legacyProtocol)
	}
	if d.values["little_endian"] != any(true) {
		return errors.New("little_endian is not true: files of big-endian machines are refused")
	}
	return nil
}

// locateLegacy walks the storages from offset to the end of the file.
func locateLegacy(table *storageTable, order *list, source io.ReaderAt, offset, size int64) error {
	found := map[string]bool{}
	for _, item := range order.items {
		key, ok := item.(string)
		if !ok {
			return fmt.Errorf("byte %d: a storage key is a %s", offset, kindOf(item))
		}
		s := table.byKey[key]
		switch {
		case s == nil:
			return fmt.Errorf("byte %d: no tensor uses storage %q", offset, key)
		case found[key]:
			return fmt.Errorf("byte %d: storage %q stands twice", offset, key)
		case size-offset < 8:
			return fmt.Errorf("byte %d: the file ends before storage %q (truncated?)", offset, key)
		}
		found[key] = true
		var prefix [8]byte
		if n, err := source.ReadAt(prefix[:], offset); n < len(prefix) {
			return fmt.Errorf("byte %d: %w", offset, err)
		}
		if count := int64(binary.LittleEndian.Uint64(prefix[:])); count != s.count {
			return fmt.Errorf("byte %d: storage %q has %d elements, its tensors say %d", offset, key, count, s.count)
		}
		offset += 8
		s.place = place{offset: offset, size: s.count * s.dtype.Size()}
		if s.place.size > size-offset {
			return fmt.Errorf("byte %d: storage %q takes %d bytes, %d are left (truncated?)",
				offset, key, s.place.size, size-offset)
		}
		offset += s.place.size
	}
	for key := range table.byKey {
		if !found[key] {
			return fmt.Errorf("byte %d: storage %q is missing", offset, key)
		}
	}
	if offset != size {
		return fmt.Errorf("byte %d: %d bytes behind the last storage", offset, size-offset)
	}
	return nil
}
