// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rendezvous

import "context"

// Alone is the member of a run of one rank: nobody to meet, nobody to tell.
func Alone(job []byte) Member { return alone{job} }

type alone struct{ job []byte }

func (a alone) World() int  { return 1 }
func (a alone) Job() []byte { return a.job }
func (alone) Gather(_ context.Context, _ string, value []byte) ([][]byte, error) {
	return [][]byte{value}, nil
}
func (alone) Barrier(context.Context, string) error { return nil }
func (alone) Broadcast(_ context.Context, _ string, value []byte) ([]byte, error) {
	return value, nil
}
func (alone) Report(State)                {}
func (alone) Note([]byte)                 {}
func (alone) Stopped() <-chan struct{}    { return nil }
func (alone) Reason() error               { return nil }
func (alone) Fail(string, bool)           {}
func (alone) Leave(context.Context) error { return nil }
