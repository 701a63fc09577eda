// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"mlperf-ssd/proto/controlpb"
)

// joinTime bounds the way from the first packet to a seat, lastWords how long a worker that ends waits
// for the launcher to hear of it, silence how long a launcher may say nothing: longer than a worker, as
// it hears a thousand of them.
const (
	silence   = 10 * time.Second
	joinTime  = 30 * time.Second
	lastWords = time.Second
	dialTime  = 5 * time.Second
)

// Dial joins the run that the access belongs to.
func Dial(ctx context.Context, a Access, q Request) (Member, error) {
	config, err := tlsConfig(a.Certificate, a.Key, a.Authority)
	if err != nil {
		return nil, fmt.Errorf("rendezvous: %w", err)
	}
	connection, err := grpc.NewClient("passthrough:///launch", grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return dialAny(ctx, a.Addresses) }),
		grpc.WithNoProxy(), grpc.WithReadBufferSize(ioBufferSize), grpc.WithWriteBufferSize(ioBufferSize), grpc.WithSharedWriteBuffer(true),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
	if err != nil {
		return nil, fmt.Errorf("rendezvous: %w", err)
	}
	q.Token = a.Token
	m, err := join(ctx, connection, q)
	if err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return m, nil
}

// dialAny connects to the first address that answers.
func dialAny(ctx context.Context, addresses []string) (net.Conn, error) {
	var problems []error
	for _, address := range addresses {
		connection, err := (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", address)
		if err == nil {
			return connection, nil
		}
		problems = append(problems, err)
	}
	return nil, fmt.Errorf("no launcher: %w", errors.Join(problems...))
}

func join(ctx context.Context, connection *grpc.ClientConn, q Request) (Member, error) {
	client := controlpb.NewControlClient(connection)
	joining, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	reply, err := client.Join(joining, &controlpb.JoinRequest{Token: q.Token, Build: q.Build, Configuration: q.Configuration, Member: &controlpb.Member{
		Rank: int32(q.Info.Rank), Host: q.Info.Host, Node: int32(q.Info.Node), LocalRank: int32(q.Info.LocalRank), Pid: int64(q.Info.PID)}})
	if err != nil {
		return nil, typed(ctx, err)
	}
	// The stream outlives ctx: the end of a worker is told over it.
	attending, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	stream, err := client.Attend(attending)
	if err != nil {
		hangUp()
		return nil, typed(ctx, err)
	}
	w := &wire{connection: connection, client: client, stream: stream, hangUp: hangUp, session: reply.Session, heard: make(chan struct{})}
	m := &member{link: w, world: int(reply.World), job: reply.Job}
	m.start()
	go w.listen(m)
	m.awake() // the first heartbeat opens the stream
	return m, nil
}

// typed turns a status back into the room's error.
func typed(ctx context.Context, err error) error {
	s, _ := status.FromError(err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case s.Code() == codes.PermissionDenied:
		return &RefusedError{s.Message()}
	case s.Code() == codes.Aborted:
		return &StoppedError{s.Message()}
	case s.Code() == codes.InvalidArgument:
		return errors.New(s.Message())
	default:
		return fmt.Errorf("rendezvous: launcher: %s", s.Message())
	}
}

// wire is a link over gRPC.
type wire struct {
	connection *grpc.ClientConn
	client     controlpb.ControlClient
	stream     grpc.BidiStreamingClient[controlpb.Heartbeat, controlpb.Order]
	hangUp     context.CancelFunc
	session    string
	heard      chan struct{} // closed when the launcher has ended the stream
}

// listen takes orders; a launcher that is silent too long is lost.
func (w *wire) listen(m *member) {
	defer close(w.heard)
	deaf := time.AfterFunc(silence, func() {
		m.halt(&LostError{fmt.Sprintf("no answer for %v", silence)})
	})
	defer deaf.Stop()
	for {
		order, err := w.stream.Recv()
		if err != nil {
			m.halt(&LostError{"the connection ended"})
			return
		}
		deaf.Reset(silence)
		if order.Stop {
			m.halt(&StoppedError{order.Reason})
		}
	}
}

func (w *wire) gather(ctx context.Context, name string, value []byte, barrier bool) ([][]byte, error) {
	reply, err := w.client.Gather(ctx, &controlpb.GatherRequest{Session: w.session, Name: name, Value: value, Barrier: barrier})
	if err != nil || barrier {
		return nil, typed(ctx, err)
	}
	values, rest := make([][]byte, 0, len(reply.Sizes)), reply.Values
	for _, size := range reply.Sizes {
		if int(size) > len(rest) {
			return nil, errors.New("rendezvous: launcher: a gather's reply is cut short")
		}
		values, rest = append(values, rest[:size:size]), rest[size:]
	}
	return values, nil
}

func (w *wire) broadcast(ctx context.Context, name string, value []byte) ([]byte, error) {
	reply, err := w.client.Broadcast(ctx, &controlpb.BroadcastRequest{Session: w.session, Name: name, Value: value})
	return reply.GetValue(), typed(ctx, err)
}

func (w *wire) beat(b Beat) error {
	beat := &controlpb.Heartbeat{Session: w.session, Phase: b.State.Phase, Epoch: b.State.Epoch, Step: b.State.Step, Note: b.Note,
		Doing: b.State.Doing, Collectives: b.State.Collectives, Waiting: b.State.Waiting}
	if b.Failure != "" {
		beat.Failure = &controlpb.Failure{Error: b.Failure, Derived: b.Derived}
	}
	if err := w.stream.Send(beat); err != nil {
		return &LostError{"the connection ended"}
	}
	return nil
}

func (w *wire) leave(context.Context) error {
	if err := w.stream.Send(&controlpb.Heartbeat{Session: w.session, Leave: true}); err != nil {
		return &LostError{"the connection ended"}
	}
	return nil
}

// close waits until the launcher has heard all that was said.
func (w *wire) close() {
	_ = w.stream.CloseSend()
	select {
	case <-w.heard:
	case <-time.After(lastWords):
	}
	w.hangUp()
	<-w.heard
	_ = w.connection.Close()
}
