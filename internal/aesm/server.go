package aesm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/cleave-sdk/cleave/internal/sgx"
)

// QuotingEnclave is what a [Server] is in front of. It is safe for concurrent
// use.
type QuotingEnclave interface {
	// Target is whom to make reports for.
	Target() sgx.TargetInfo
	// QuoteSize is in bytes, at most 64 KiB, and that of every quote.
	QuoteSize() int
	// Quote checks the report and signs its body. An error that is a [Code] is
	// answered with it, any other with [Unexpected].
	Quote(context.Context, sgx.Report) ([]byte, error)
}

// Reporter is a QuotingEnclave that can make reports itself, by which the
// enclave that asked for a quote sees that this one made it.
type Reporter interface {
	Report(target sgx.TargetInfo, data [64]byte) sgx.Report
}

// Server answers the protocol. Its fields are set before Serve.
type Server struct {
	QuotingEnclave QuotingEnclave

	// Concurrency bounds the connections that are served at once; others wait.
	// If zero, 128.
	Concurrency int
	// Timeout bounds how long a client may take to send its request, how long
	// a quote may take, and how long the client may take to read it. If zero,
	// 10 seconds each.
	Timeout time.Duration
	// Log hears of requests that could not be answered. If nil, nobody does.
	Log *slog.Logger
}

// Serve answers who connects to l until ctx ends, then waits for what is being
// answered. It closes l. The error is nil if ctx ended.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	defer l.Close()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for turns := make(chan struct{}, s.concurrency()); ; {
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		nc, err := s.accept(ctx, l)
		if err != nil || nc == nil {
			return err
		}
		clients.Go(func() {
			defer func() { <-turns }()
			s.serve(ctx, nc)
		})
	}
}

// accept returns nothing at all once ctx has ended.
func (s *Server) accept(ctx context.Context, l net.Listener) (net.Conn, error) {
	for {
		nc, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if nc != nil {
				nc.Close()
			}
			return nil, nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.ECONNABORTED):
			pause(ctx)
		case err != nil:
			return nil, fmt.Errorf("aesm: %w", err)
		default:
			return nc, nil
		}
	}
}

// serve answers one request: that is all a connection is for.
func (s *Server) serve(ctx context.Context, nc net.Conn) {
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { nc.SetReadDeadline(time.Unix(1, 0)) })()
	if err := s.exchange(ctx, nc); err != nil && ctx.Err() == nil {
		s.log().WarnContext(ctx, "aesm: a client got no answer", "error", err)
	}
}

func (s *Server) exchange(ctx context.Context, nc net.Conn) error {
	nc.SetReadDeadline(time.Now().Add(s.timeout()))
	if err := ctx.Err(); err != nil { // and the deadline may have overtaken its end
		return err
	}
	b, err := readFrame(nc, maxRequest)
	if err != nil {
		return err
	}
	request, err := decodeRequest(b)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, s.timeout())
	defer cancel()
	response := s.answer(bounded, request)
	nc.SetWriteDeadline(time.Now().Add(s.timeout()))
	return writeFrame(nc, response)
}

func (s *Server) concurrency() int {
	if s.Concurrency <= 0 {
		return 128
	}
	return s.Concurrency
}

func (s *Server) timeout() time.Duration {
	if s.Timeout <= 0 {
		return 10 * time.Second
	}
	return s.Timeout
}

func (s *Server) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}
