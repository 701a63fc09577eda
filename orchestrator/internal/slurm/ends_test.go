// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEndWatch(t *testing.T) {
	for _, test := range []struct {
		text string
		want []TaskEnd
	}{
		{"srun: error: n3: task 5: Aborted (core dumped)\nsrun: error: n1: tasks 0-1: Exited with exit code 130\n",
			[]TaskEnd{{5, "n3", -1, syscall.SIGABRT, "", false}, {0, "n1", 130, 0, "", true}, {1, "n1", 130, 0, "", true}}},
		{"srun: error: n1: tasks 0-1: Exited with exit code 2\nsrun: error: n3: task 5: Exited with exit code 1\n",
			[]TaskEnd{{0, "n1", 2, 0, "", false}, {1, "n1", 2, 0, "", false}, {5, "n3", 1, 0, "", false}}},
		{" 0: panic: 1\n10: SIGSEGV: a\n10: SIGBUS: b\nsrun: error: n2: task 10: Exited with exit code 2\n",
			[]TaskEnd{{10, "n2", 2, 0, "SIGSEGV: a", false}}},
		{"0: words\nsrun: error: n2: task 3: Segmentation fault\nsrun: error: n1: tasks 0,2: Terminated\nsrun: error: n2: task 1: Killed\n",
			[]TaskEnd{{3, "n2", -1, syscall.SIGSEGV, "", false}, {0, "n1", -1, syscall.SIGTERM, "", true}, {2, "n1", -1, syscall.SIGTERM, "", true},
				{1, "n2", -1, syscall.SIGKILL, "", true}}},
		{"srun: error: n2: task 3: Killed\nsrun: error: n1: task 0: Killed\n",
			[]TaskEnd{{3, "n2", -1, syscall.SIGKILL, "", false}, {0, "n1", -1, syscall.SIGKILL, "", true}}},
		{"srun: error: n2: task 3: Out Of Memory\n", []TaskEnd{{3, "n2", -1, syscall.SIGKILL, "", false}}},
		{"srun: error: n2: task 3: Exited with exit code many\nsrun: error: n2: task 3-1: Killed\nsrun: error: n2: task 1: Abducted\n" +
			"3: srun: error: n2: task 1: Killed\nsrun: error: n2: task 4: Killed", nil},
	} {
		var got []TaskEnd
		var out bytes.Buffer
		isCrash := func(line string) bool { return strings.HasPrefix(line, "SIG") }
		w := newEndWatch(&out, isCrash, func(e TaskEnd) { got = append(got, e) })
		for i := 0; i < len(test.text); i += 7 {
			fmt.Fprint(w, test.text[i:min(i+7, len(test.text))])
		}
		if diff := cmp.Diff(test.want, got); diff != "" || out.String() != test.text {
			t.Errorf("%s\n%s\n%q", test.text, diff, &out)
		}
	}
}
