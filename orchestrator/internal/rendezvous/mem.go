// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rendezvous

import "context"

// Enter joins a room of the same process.
func Enter(r *Room, q Request) (Member, error) {
	session, err := r.Join(q)
	if err != nil {
		return nil, err
	}
	m := &member{link: &direct{room: r, session: session}, world: r.World, job: r.Job}
	m.start()
	go func() {
		select {
		case <-r.stopped:
			m.halt(r.stop())
		case <-m.ended:
		}
	}()
	return m, nil
}

// direct is a link without a network.
type direct struct {
	room    *Room
	session string
}

func (d *direct) gather(ctx context.Context, name string, value []byte, _ bool) ([][]byte, error) {
	return d.room.Gather(ctx, d.session, name, value)
}

func (d *direct) broadcast(ctx context.Context, name string, value []byte) ([]byte, error) {
	return d.room.Broadcast(ctx, d.session, name, value)
}

func (d *direct) beat(b Beat) error           { return d.room.Heartbeat(d.session, b) }
func (d *direct) leave(context.Context) error { return d.room.Leave(d.session) }
func (d *direct) close()                      { d.room.Lose(d.session) }
