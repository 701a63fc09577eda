// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"mlperf-ssd/proto/controlpb"
)

// What a connection costs: a thousand of them have to fit beside everything else.
const (
	maxMessage   = 256 << 20 // a gather of a thousand ranks
	ioBufferSize = 4 << 10
)

// Server carries a room over gRPC.
type Server struct {
	room   *Room
	access Access
	grpc   *grpc.Server
	served chan error
}

// Serve makes the credentials of a run, gives its token to the room and listens on any free port of the
// host, which names this machine for the workers. An empty listen host is every address.
func Serve(r *Room, listen, host string) (*Server, error) {
	access, config, err := newAccess()
	if err != nil {
		return nil, fmt.Errorf("rendezvous: %w", err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(listen, "0"))
	if err != nil {
		return nil, fmt.Errorf("rendezvous: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("rendezvous: %w", err), listener.Close())
	}
	access.Addresses = []string{net.JoinHostPort(host, port)}
	access.Configuration = r.Configuration
	r.Token = access.Token
	s := &Server{room: r, access: access, served: make(chan error, 1)}
	s.grpc = grpc.NewServer(grpc.Creds(credentials.NewTLS(config)), grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.ReadBufferSize(ioBufferSize), grpc.WriteBufferSize(ioBufferSize), grpc.SharedWriteBuffer(true), grpc.WaitForHandlers(true))
	controlpb.RegisterControlServer(s.grpc, &service{room: r})
	go func() { s.served <- s.grpc.Serve(listener) }()
	return s, nil
}

// Access is what workers need to join.
func (s *Server) Access() Access { return s.access }

// Close cuts all connections.
func (s *Server) Close() {
	s.grpc.Stop()
	<-s.served
}

// service translates calls to those of the room.
type service struct {
	controlpb.UnimplementedControlServer
	room *Room
}

// coded gives an error the code that a client turns back into its type.
func coded(err error) error {
	var refused *RefusedError
	var stopped *StoppedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return status.Error(codes.PermissionDenied, refused.Text)
	case errors.As(err, &stopped):
		return status.Error(codes.Aborted, stopped.Reason)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return status.FromContextError(err).Err()
	default:
		return status.Error(codes.InvalidArgument, err.Error())
	}
}

func (s *service) Join(_ context.Context, q *controlpb.JoinRequest) (*controlpb.JoinReply, error) {
	m := q.GetMember()
	session, err := s.room.Join(Request{Token: q.Token, Build: q.Build, Configuration: q.Configuration, Info: Info{
		Rank: int(m.GetRank()), Host: m.GetHost(), Node: int(m.GetNode()), LocalRank: int(m.GetLocalRank()), PID: int(m.GetPid()),
	}})
	if err != nil {
		return nil, coded(err)
	}
	return &controlpb.JoinReply{Session: session, World: int32(s.room.World), Job: s.room.Job}, nil
}

func (s *service) Gather(ctx context.Context, q *controlpb.GatherRequest) (*controlpb.GatherReply, error) {
	x, err := s.room.gather(ctx, q.Session, q.Name, q.Value)
	if err != nil || q.Barrier {
		return &controlpb.GatherReply{}, coded(err)
	}
	return x.reply(), nil
}

func (s *service) Broadcast(ctx context.Context, q *controlpb.BroadcastRequest) (*controlpb.BroadcastReply, error) {
	value, err := s.room.Broadcast(ctx, q.Session, q.Name, q.Value)
	return &controlpb.BroadcastReply{Value: value}, coded(err)
}

// Attend answers heartbeats until the worker ends the stream.
func (s *service) Attend(stream grpc.BidiStreamingServer[controlpb.Heartbeat, controlpb.Order]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	beats := make(chan *controlpb.Heartbeat, 1)
	beats <- first
	var end error // why beats was closed
	go func() {
		defer close(beats)
		for end == nil {
			var beat *controlpb.Heartbeat
			if beat, end = stream.Recv(); end == nil {
				beats <- beat
			}
		}
	}()
	stopped := s.room.Stopped()
	for {
		order := &controlpb.Order{}
		select {
		case beat, more := <-beats:
			if !more {
				s.room.Lose(first.Session)
				return closed(end)
			}
			if err := s.take(first.Session, beat); err != nil {
				go drain(beats) // until the end of this call ends the stream
				return coded(err)
			}
		case <-stopped:
			stopped = nil
			order.Stop, order.Reason = true, s.room.stop().Reason
		}
		_ = stream.Send(order) // a broken stream ends beats
	}
}

func drain(beats <-chan *controlpb.Heartbeat) {
	for range beats { // nothing is left to do with them
	}
}

// closed is what a stream gives whose other side has ended it.
func closed(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (s *service) take(session string, b *controlpb.Heartbeat) error {
	beat := Beat{Note: b.Note, State: State{Phase: b.Phase, Epoch: b.Epoch, Step: b.Step,
		Doing: b.Doing, Collectives: b.Collectives, Waiting: b.Waiting}}
	if f := b.GetFailure(); f != nil {
		beat.Failure, beat.Derived = f.Error, f.Derived
	}
	if err := s.room.Heartbeat(session, beat); err != nil {
		return err
	}
	if b.Leave {
		return s.room.Leave(session)
	}
	return nil
}
