// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"debug/elf"
	"fmt"
	"os"
)

// checkWhole is an error if a library's file is shorter than its parts say, as a copy that broke off is:
// who loads that dies by a signal.
func checkWhole(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	library, err := elf.NewFile(file)
	if err != nil {
		return fmt.Errorf("%s is no whole library: %w", path, err)
	}
	for _, part := range library.Progs {
		if size := uint64(info.Size()); part.Filesz > size || part.Off > size-part.Filesz {
			return fmt.Errorf("%s is no whole library: it has %d bytes, its parts reach beyond", path, size)
		}
	}
	return nil
}
