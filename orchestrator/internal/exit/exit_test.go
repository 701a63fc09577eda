// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package exit

import (
	"errors"
	"fmt"
	"testing"
)

func TestCodeOf(t *testing.T) {
	plain := errors.New("plain")
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, OK},
		{plain, Failed},
		{Usage(plain), WrongUse},
		{fmt.Errorf("trial 1: %w", With(Stuck, plain)), Stuck},
		{errors.Join(plain, With(137, plain), Usage(plain)), 137},
	} {
		if got := CodeOf(test.err); got != test.want {
			t.Errorf("%v: exit code %d, want %d", test.err, got, test.want)
		}
	}
	if err := With(Stuck, plain); !errors.Is(err, plain) || err.Error() != "plain" {
		t.Errorf("got %v", err)
	}
}
