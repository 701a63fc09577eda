// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"errors"
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

// DropCaches empties this host's page cache, so that the data set comes from storage.
func DropCaches() error {
	unix.Sync()
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3\n"), 0)
}
