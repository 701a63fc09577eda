// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package worker

import "time"

// meter measures the speed of training and the mean loss of an epoch.
type meter struct {
	start, last time.Time
	first       int64 // step at the start of the epoch
	lossSum     float64
	steps       int64

	images  int64 // of all epochs ended
	elapsed time.Duration
}

func (m *meter) begin(at time.Time, step int64) {
	m.start, m.last, m.first = at, at, step
	m.lossSum, m.steps = 0, 0
}

// step takes `steps` steps of mean loss and gives the images per second since the last call.
func (m *meter) step(at time.Time, steps, batch int64, loss float64) float64 {
	elapsed := at.Sub(m.last).Seconds()
	m.last = at
	m.lossSum += loss * float64(steps)
	m.steps += steps
	if elapsed <= 0 {
		return 0
	}
	return float64(steps*batch) / elapsed
}

// end gives the epoch's images per second and mean loss.
func (m *meter) end(at time.Time, step, batch int64) (throughput, loss float64) {
	elapsed := at.Sub(m.start)
	images := (step - m.first) * batch
	m.images += images
	m.elapsed += elapsed
	if m.steps > 0 {
		loss = m.lossSum / float64(m.steps)
	}
	if elapsed > 0 {
		throughput = float64(images) / elapsed.Seconds()
	}
	return throughput, loss
}

func (m *meter) mean() float64 {
	if m.elapsed <= 0 {
		return 0
	}
	return float64(m.images) / m.elapsed.Seconds()
}
