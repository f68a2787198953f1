package ocalltest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/ocalltest"
)

func TestBentStreams(t *testing.T) {
	s := ocall.Stream[ocall.None, ocall.None, []byte]{Name: "s", Timeout: 50 * time.Millisecond, Check: func(_ ocall.None, chunk []byte) error {
		return signed("").Check(uint64(chunk[0]), chunk)
	}}
	var mux ocall.Mux
	s.Handle(&mux, func(ctx context.Context, _ ocall.None, f *ocall.Flow[[]byte, ocall.None]) error {
		for n := range byte(20) {
			if err := f.Send(sum(uint64(n), []byte{n})); err != nil {
				return err
			}
		}
		return nil
	})
	for way, want := range map[ocalltest.Bend]error{
		0:                   io.EOF,
		ocalltest.Flip:      ocall.ErrViolation,
		ocalltest.Truncate:  ocall.ErrViolation,
		ocalltest.Duplicate: ocall.ErrViolation, // more came than the end says
		ocalltest.Reorder:   io.EOF,             // which the order shows, and nothing else
		ocalltest.Replay:    ocall.ErrViolation, // a chunk as the end
		ocalltest.MixUp:     io.EOF,             // there is no other call
		ocalltest.Oversize:  ocall.ErrViolation,
		ocalltest.Never:     context.DeadlineExceeded,
		ocalltest.Late:      context.DeadlineExceeded,
		ocalltest.Twice:     ocall.ErrViolation,
	} {
		t.Run(way.String(), func(t *testing.T) {
			conn := ocalltest.Hostile(t, &mux, ocall.Service{s}, way)
			s := s
			if want != context.DeadlineExceeded {
				s.Timeout = time.Minute
			}
			f, err := s.Open(t.Context(), conn, ocall.None{})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var got []byte
			for err == nil {
				var chunk []byte
				if chunk, err = f.Receive(); err == nil {
					got = append(got, chunk[0])
				}
			}
			if !errors.Is(err, want) {
				t.Errorf("%v, then %v", got, err)
			}
			ordered := bytes.Equal(got, []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"))
			if err == io.EOF && ordered == (way == ocalltest.Reorder) {
				t.Errorf("%v passed for the stream", got)
			}
		})
	}
}

// One chunk of many is bent, and the end is honest.
func TestOneBentChunk(t *testing.T) {
	s := ocall.Stream[ocall.None, ocall.None, []byte]{Name: "s", Check: func(_ ocall.None, chunk []byte) error {
		if len(chunk) == 0 {
			return errors.New("nothing in it")
		}
		return signed("").Check(uint64(chunk[0]), chunk)
	}}
	var mux ocall.Mux
	s.Handle(&mux, func(ctx context.Context, _ ocall.None, f *ocall.Flow[[]byte, ocall.None]) error {
		for n := range byte(4) {
			if err := f.Send(sum(uint64(n), []byte{n})); err != nil {
				return err
			}
		}
		return nil
	})
	for way, want := range map[ocalltest.Bend]struct {
		err error
		got []byte
	}{
		0:                   {io.EOF, []byte{0, 1, 2, 3}},
		ocalltest.Flip:      {ocall.ErrViolation, []byte{0}},
		ocalltest.Truncate:  {ocall.ErrViolation, []byte{0}},
		ocalltest.Duplicate: {ocall.ErrViolation, nil}, // more than the end says; who reads slowly sees none
		ocalltest.Reorder:   {io.EOF, []byte{0, 2, 1, 3}},
		ocalltest.Replay:    {io.EOF, []byte{0, 0, 2, 3}},
		ocalltest.Oversize:  {ocall.ErrViolation, nil},
		ocalltest.Never:     {ocall.ErrViolation, nil},
		ocalltest.Late:      {ocall.ErrViolation, nil},
		ocalltest.Twice:     {ocall.ErrViolation, nil},
	} {
		t.Run(way.String(), func(t *testing.T) {
			ways := make([]ocalltest.Bend, 10)
			ways[1] = way
			f, err := s.Open(t.Context(), ocalltest.Hostile(t, &mux, ocall.Service{s}, ways...), ocall.None{})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var got []byte
			for err == nil {
				var chunk []byte
				if chunk, err = f.Receive(); err == nil {
					got = append(got, chunk[0])
				}
			}
			if !errors.Is(err, want.err) || want.got != nil && !bytes.Equal(got, want.got) {
				t.Errorf("%v, then %v", got, err)
			}
		})
	}
}
