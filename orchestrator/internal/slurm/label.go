// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"bytes"
	"io"
	"strconv"
)

// firstRank passes on what rank 0 prints, of lines that srun --label has marked with their rank. Lines
// without a mark are nobody's and dropped, as are those of other ranks.
type firstRank struct {
	out     io.Writer
	partial []byte
}

func (f *firstRank) Write(text []byte) (int, error) {
	f.partial = append(f.partial, text...)
	for {
		end := bytes.IndexByte(f.partial, '\n')
		if end < 0 {
			return len(text), nil
		}
		line := f.partial[:end+1]
		f.partial = f.partial[end+1:]
		if err := f.pass(line); err != nil {
			return 0, err
		}
	}
}

func (f *firstRank) pass(line []byte) error {
	label, words, found := bytes.Cut(line, []byte(": "))
	if rank, err := strconv.Atoi(string(bytes.TrimSpace(label))); !found || err != nil || rank != 0 {
		return nil
	}
	_, err := f.out.Write(words)
	return err
}

// flush passes on a last line without an end.
func (f *firstRank) flush() error {
	if len(f.partial) == 0 {
		return nil
	}
	line := append(f.partial, '\n')
	f.partial = nil
	return f.pass(line)
}
