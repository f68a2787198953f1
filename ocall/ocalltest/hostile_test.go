package ocalltest_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/ocalltest"
)

// signed answers come with a MAC over request and response, so that no bend
// goes unnoticed.
func sum(req uint64, b []byte) []byte {
	m := hmac.New(sha256.New, []byte("key"))
	fmt.Fprint(m, req, string(b))
	return m.Sum(b)
}

func signed(name string) ocall.Func[uint64, []byte] {
	return ocall.Func[uint64, []byte]{Name: name, Timeout: 50 * time.Millisecond, Check: func(req uint64, resp []byte) error {
		if len(resp) < 32 || !bytes.Equal(sum(req, resp[:len(resp)-32:len(resp)-32]), resp) {
			return errors.New("not what was signed")
		}
		return nil
	}}
}

func TestEveryBendIsNoticed(t *testing.T) {
	a, b := signed("a"), signed("b")
	var mux ocall.Mux
	handle := func(ctx context.Context, n uint64) ([]byte, error) { return sum(n, []byte("content")), nil }
	a.Handle(&mux, handle)
	b.Handle(&mux, handle)
	for way, want := range map[ocalltest.Bend]struct{ first, next error }{
		ocalltest.Flip:      {ocall.ErrViolation, ocall.ErrViolation},
		ocalltest.Truncate:  {ocall.ErrViolation, ocall.ErrViolation},
		ocalltest.Duplicate: {ocall.ErrViolation, ocall.ErrViolation},
		ocalltest.Reorder:   {nil, nil},
		ocalltest.Replay:    {nil, ocall.ErrViolation},
		ocalltest.MixUp:     {nil, ocall.ErrViolation},
		ocalltest.Oversize:  {ocall.ErrClosed, ocall.ErrClosed},
		ocalltest.Never:     {context.DeadlineExceeded, context.DeadlineExceeded},
		ocalltest.Late:      {context.DeadlineExceeded, context.DeadlineExceeded},
		ocalltest.Twice:     {nil, ocall.ErrClosed},
	} {
		t.Run(way.String(), func(t *testing.T) {
			conn := ocalltest.Hostile(t, &mux, ocall.Service{a, b}, way)
			if _, err := a.Call(t.Context(), conn, 1); !errors.Is(err, want.first) && way != ocalltest.Twice {
				t.Error("first:", err)
			}
			f := a
			if way == ocalltest.MixUp {
				f = b
			}
			if _, err := f.Call(t.Context(), conn, 2); !errors.Is(err, want.next) {
				t.Error("next:", err)
			}
			if way == ocalltest.Late {
				for n := 0; conn.Late() < 2 && n < 1000; n++ {
					time.Sleep(time.Millisecond)
				}
				if conn.Late() != 2 {
					t.Errorf("%d late answers", conn.Late())
				}
			}
		})
	}
}

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
	for _, way := range ocalltest.Bends() {
		t.Run(way.String(), func(t *testing.T) {
			conn := ocalltest.Hostile(t, &mux, ocall.Service{s}, way)
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
			ordered := bytes.Equal(got, []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"))
			if err == io.EOF && !ordered && way != ocalltest.Reorder && way != ocalltest.Replay {
				t.Errorf("%v passed for the stream", got)
			}
		})
	}
}
