// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package annotations

import (
	"bufio"
	"errors"
	"io"
	"os"
)

// spool keeps the sections until all are known, as a file may hold them in any order. Its files have no
// name, so that nothing of them outlives the process.
type spool struct{ parts [3]*part }

type part struct {
	file    *os.File
	buffer  *bufio.Writer
	records int
	there   bool
}

func newSpool(dir string) (*spool, error) {
	s := &spool{}
	for i := range s.parts {
		file, err := os.CreateTemp(dir, ".annotations.*.tmp")
		if err == nil {
			s.parts[i] = &part{file: file, buffer: bufio.NewWriterSize(file, 1<<16)}
			err = os.Remove(file.Name())
		}
		if err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

func (s *spool) close() {
	for _, p := range s.parts {
		if p != nil {
			p.file.Close()
		}
	}
}

func (s *spool) flush() error {
	var problems []error
	for _, p := range s.parts {
		problems = append(problems, p.buffer.Flush())
	}
	return errors.Join(problems...)
}

// reset empties a part: of a section that stands twice the last counts.
func (p *part) reset() error {
	p.there, p.records = true, 0
	p.buffer.Reset(p.file)
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	_, err := p.file.Seek(0, io.SeekStart)
	return err
}

func (p *part) write(b []byte) error {
	_, err := p.buffer.Write(b)
	return err
}

func (p *part) copyTo(w io.Writer) error {
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, p.file)
	return err
}
