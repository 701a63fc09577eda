// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Caches says what a worker does about the system's caches before it logs that they are empty.
type Caches string

// What becomes of the caches.
const (
	CachesDrop    Caches = ""        // the first rank of each node drops them
	CachesCleared Caches = "cleared" // launch has
	CachesKept    Caches = "kept"    // launch could or should not
)

// Clear is for a rank by its number on its node. An error is for caches that are not empty.
func (s Caches) Clear(localRank int) error {
	switch {
	case s == CachesKept:
		return errors.New("launch did not clear them")
	case s == CachesDrop && localRank == 0:
		return DropCaches()
	}
	return nil
}

// dropCaches is where the kernel is told; root may.
const dropCaches = "/proc/sys/vm/drop_caches"

// MayDropCaches is an error if DropCaches would be refused.
func MayDropCaches() error {
	file, err := os.OpenFile(dropCaches, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("%w: run it as root", err)
	}
	return file.Close()
}

// DropCaches empties this host's page cache, so that the data set comes from storage.
func DropCaches() error {
	unix.Sync()
	if err := os.WriteFile(dropCaches, []byte("3\n"), 0); err != nil {
		return fmt.Errorf("%w: run it as root", err)
	}
	return nil
}
