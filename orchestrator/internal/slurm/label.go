// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"bytes"
	"io"
	"strconv"

	"mlperf-ssd/orchestrator/internal/lines"
)

// firstRank passes on what rank 0 prints, of lines that srun --label has marked with their rank. Lines
// without a mark are nobody's and dropped, as are those of other ranks.
func firstRank(out io.Writer) *lines.Writer {
	return &lines.Writer{Each: func(line []byte) error {
		label, words, found := bytes.Cut(line, []byte(": "))
		if rank, err := strconv.Atoi(string(bytes.TrimSpace(label))); !found || err != nil || rank != 0 {
			return nil
		}
		_, err := out.Write(words)
		return err
	}}
}
