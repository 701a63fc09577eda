// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package build

import (
	"strings"
	"testing"
)

func TestIDTellsVersionsApart(t *testing.T) {
	one, err := ID("v1")
	if err != nil || !strings.HasPrefix(one, "v1") {
		t.Errorf("%q, %v", one, err)
	}
	again, err := ID("v1")
	if err != nil || again != one {
		t.Errorf("%q, then %q, %v", one, again, err)
	}
	if other, err := ID("v2"); err != nil || other == one || strings.TrimPrefix(other, "v2") != strings.TrimPrefix(one, "v1") {
		t.Errorf("%q of the same program as %q, %v", other, one, err)
	}
}
