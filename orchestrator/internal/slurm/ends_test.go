// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"bytes"
	"fmt"
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
			[]TaskEnd{{5, "n3", -1, syscall.SIGABRT}}},
		{"srun: error: n1: tasks 0-1: Exited with exit code 2\nsrun: error: n3: task 5: Exited with exit code 1\n",
			[]TaskEnd{{0, "n1", 2, 0}, {1, "n1", 2, 0}, {5, "n3", 1, 0}}},
		{"0: words\nsrun: error: n2: task 3: Segmentation fault\nsrun: error: n1: tasks 0,2: Terminated\nsrun: error: n2: task 1: Killed\n",
			[]TaskEnd{{3, "n2", -1, syscall.SIGSEGV}}},
		{"srun: error: n2: task 3: Killed\nsrun: error: n1: tasks 0-2: Killed\n", []TaskEnd{{3, "n2", -1, syscall.SIGKILL}}},
		{"srun: error: n2: task 3: Out Of Memory\n", []TaskEnd{{3, "n2", -1, syscall.SIGKILL}}},
		{"srun: error: n2: task 3: Exited with exit code many\nsrun: error: n2: task 3-1: Killed\nsrun: error: n2: task 1: Abducted\n" +
			"3: srun: error: n2: task 1: Killed\nsrun: error: n2: task 4: Killed", nil},
	} {
		var got []TaskEnd
		var out bytes.Buffer
		w := newEndWatch(&out, func(e TaskEnd) { got = append(got, e) })
		for i := 0; i < len(test.text); i += 7 {
			fmt.Fprint(w, test.text[i:min(i+7, len(test.text))])
		}
		if diff := cmp.Diff(test.want, got); diff != "" || out.String() != test.text {
			t.Errorf("%s\n%s\n%q", test.text, diff, &out)
		}
	}
}
