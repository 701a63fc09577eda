// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package download

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"mlperf-ssd/orchestrator/internal/atomicfile"
	"mlperf-ssd/orchestrator/internal/ctxio"
)

// identity is what tells whether a server still has the file that a part came from.
type identity struct {
	URL      string `json:"url"`
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"last_modified,omitempty"`
	Total    int64  `json:"total"` // -1: not known
}

// validator is what If-Range takes: a strong ETag or a date.
func (i identity) validator() string {
	if i.ETag != "" && i.ETag[0] == '"' {
		return i.ETag
	}
	return i.Modified
}

// partial is a file that is being fetched.
type partial struct {
	path string
	file *os.File
	size int64
	from identity
	sum  hash.Hash // of the bytes in file; nil: not wanted
}

// openPartial takes up what an earlier call has left, if it came from url and a server can tell whether
// it still fits.
func openPartial(ctx context.Context, url, path string, sum Sum) (*partial, error) {
	file, err := os.OpenFile(path+".part", os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return nil, permanent{err}
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		return nil, permanent{fmt.Errorf("%s: another process fetches it: %w", path, err)}
	}
	p := &partial{path: path, file: file, from: identity{URL: url, Total: -1}}
	if sum.New != nil {
		p.sum = sum.New()
	}
	if err := p.takeUp(ctx); err != nil {
		file.Close()
		return nil, permanent{err}
	}
	return p, nil
}

func (p *partial) takeUp(ctx context.Context) error {
	text, err := os.ReadFile(p.path + ".part.json")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var from identity
	info, err := p.file.Stat()
	if err != nil {
		return err
	}
	if json.Unmarshal(text, &from) != nil || from.URL != p.from.URL || from.validator() == "" || from.Total >= 0 && info.Size() > from.Total {
		return p.discard()
	}
	p.from, p.size = from, info.Size()
	sink := io.Discard
	if p.sum != nil {
		sink = p.sum
	}
	n, err := io.Copy(sink, ctxio.NewReader(ctx, p.file))
	if err == nil && n != p.size {
		err = errors.New("changed while it was read")
	}
	return err
}

// begin empties the file for one with another identity.
func (p *partial) begin(from identity) error {
	if err := p.discard(); err != nil {
		return err
	}
	p.from = from
	return atomicfile.Write(p.path+".part.json", func(w io.Writer) error { return json.NewEncoder(w).Encode(from) })
}

// discard forgets all bytes.
func (p *partial) discard() error {
	p.from = identity{URL: p.from.URL, Total: -1}
	p.size = 0
	if p.sum != nil {
		p.sum.Reset()
	}
	if err := p.file.Truncate(0); err != nil {
		return permanent{err}
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return permanent{err}
	}
	return nil
}

func (p *partial) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.size += int64(n)
	if p.sum != nil {
		p.sum.Write(b[:n])
	}
	if err != nil {
		err = permanent{err}
	}
	return n, err
}

func (p *partial) digest() string { return hex.EncodeToString(p.sum.Sum(nil)) }

// finish gives the file its name.
func (p *partial) finish() error {
	if err := p.file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(p.path+".part", p.path); err != nil {
		return err
	}
	return os.Remove(p.path + ".part.json")
}

// close leaves nothing of an empty file.
func (p *partial) close() {
	if p.size == 0 {
		_ = os.Remove(p.path + ".part")
		_ = os.Remove(p.path + ".part.json")
	}
	p.file.Close()
}

// room makes sure that the disk holds what is still to come.
func (p *partial) room(missing int64) error {
	var disk unix.Statfs_t
	if err := unix.Fstatfs(int(p.file.Fd()), &disk); err != nil {
		return permanent{err}
	}
	if free := int64(disk.Bavail) * disk.Bsize; missing > free {
		return permanent{fmt.Errorf("%s: %.3f GB are to come, the disk has %.3f GB free", p.path, float64(missing)/1e9, float64(free)/1e9)}
	}
	return nil
}
