package ocall_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cleave-sdk/cleave/ocall"
)

// busy is an error of the host with something to it.
type busy struct{ Seconds int }

func (b busy) Error() string { return fmt.Sprintf("busy for %d\nseconds", b.Seconds) }

// strange is one that crosses as it likes, and panics.
type strange struct{ N byte }

func (strange) Error() string                           { return "strange" }
func (s strange) AppendBinary(b []byte) ([]byte, error) { return append(b, s.N), nil }
func (s *strange) UnmarshalBinary(b []byte) error       { s.N = b[0]; return nil }

var load = func() ocall.Func[string, string] {
	f := declare[string, string]("load")
	f.Errors = []ocall.DeclaredError{ocall.ErrorValue("none", fs.ErrNotExist), ocall.ErrorType[busy]("busy"), ocall.ErrorType[strange]("strange")}
	return f
}()

// gone is an error that says what only the trusted half can know.
type gone struct{}

func (gone) Error() string        { return "gone" }
func (gone) Is(target error) bool { return target == ocall.ErrClosed }

// What the host says is no end of a connection, and nothing is asked again for
// it.
func TestHostCannotConclude(t *testing.T) {
	for _, own := range []error{ocall.ErrClosed, ocall.ErrViolation, ocall.ErrMismatch, ocall.ErrLimit, context.Canceled, context.DeadlineExceeded, io.EOF} {
		f := declare[string, string]("f")
		f.Errors = []ocall.DeclaredError{ocall.ErrorValue("own", fmt.Errorf("wrapped: %w", own))}
		if got := panics(func() { _ = ocall.Service{f}.String() }); !strings.Contains(got, "concludes") {
			t.Errorf("%v: %q", own, got)
		}
	}
	f := declare[string, string]("f")
	f.Errors, f.Idempotent = []ocall.DeclaredError{ocall.ErrorType[gone]("gone")}, true
	var asked atomic.Int32
	var mux ocall.Mux
	f.Handle(&mux, func(context.Context, string) (string, error) { asked.Add(1); return "", gone{} })
	l := listen(t)
	go mux.Serve(t.Context(), l, ocall.Service{f})
	t.Setenv(ocall.AddressVariable, "unix:"+l.Addr().String())
	conn, err := ocall.Dialer{Reconnect: ocall.Retry}.Dial(t.Context(), ocall.Service{f})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var said *ocall.HostError
	if _, err := f.Call(t.Context(), conn, ""); !errors.As(err, &said) || asked.Load() != 1 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
}

func TestDeclaredErrorsComeBack(t *testing.T) {
	var mux ocall.Mux
	load.Handle(&mux, func(ctx context.Context, name string) (string, error) {
		switch name {
		case "none":
			return "", fmt.Errorf("secret path: %w", fs.ErrNotExist)
		case "busy":
			return "", errors.Join(errors.New("secret"), busy{3})
		}
		return "", fs.ErrPermission
	})
	conn := connect(t, &mux, ocall.Service{load})
	call := func(name string) (*ocall.HostError, error) {
		_, err := load.Call(t.Context(), conn, name)
		var said *ocall.HostError
		if !errors.As(err, &said) {
			t.Fatal(name, err)
		}
		return said, err
	}
	if said, err := call("none"); !errors.Is(err, fs.ErrNotExist) || said.Code != "none" || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	var b busy
	if said, err := call("busy"); !errors.As(err, &b) || b.Seconds != 3 || said.Code != "busy" || err.Error() != `ocall: load: the host said busy: "busy for 3\nseconds"` {
		t.Error(b, err)
	}
	if said, err := call("other"); errors.Is(err, fs.ErrPermission) || said.Code != "" {
		t.Error("an error that was not declared came back as such:", err)
	}
	if err := conn.Err(); err != nil {
		t.Error(err)
	}
}

func TestHostileErrors(t *testing.T) {
	for name, body := range map[string]string{
		"number of none":    "\x04",
		"number 255":        "\xff",
		"value with a body": "\x01x",
		"no body":           "\x02",
		"not its encoding":  "\x02\xa1\x67Seconds\x18\x03",
		"trailing bytes":    "\x02\xa1\x67Seconds\x03\x00",
		"panics":            "\x03",
	} {
		conn := hostile(t, ocall.Service{load}, func(h host) {
			h.Write(h.next().answer([]byte(body)).with(func(a *asked) { a.kind = kindFailure }))
			h.Write(h.next().answer([]byte("\x61a")).bytes())
		})
		var said *ocall.HostError
		if _, err := load.Call(t.Context(), conn, ""); !errors.Is(err, ocall.ErrViolation) || errors.As(err, &said) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := load.Call(t.Context(), conn, ""); err != nil {
			t.Errorf("%s: the next call: %v", name, err)
		}
	}
	conn := hostile(t, ocall.Service{load}, func(h host) {
		h.Write(h.next().answer(nil).with(func(a *asked) { a.kind = kindFailure }))
	})
	if _, err := load.Call(t.Context(), conn, ""); !errors.Is(err, ocall.ErrClosed) {
		t.Error("a failure without a number:", err)
	}
}

func TestErrorsInTheSurface(t *testing.T) {
	const want = "load(string max=65536) string max=65536 or none or busy{Seconds int} or strange binary:strange\n"
	if got := (ocall.Service{load}).String(); got != strings.Replace(want, "busy{", "busy {", 1) {
		t.Errorf("%q", got)
	}
	for want, e := range map[string]ocall.DeclaredError{
		"is no code of an error": ocall.ErrorValue("a b", fs.ErrNotExist),
		"error x is nil":         ocall.ErrorValue("x", nil),
		"declared twice":         ocall.ErrorValue("none", fs.ErrNotExist),
		"interfaces cannot":      ocall.ErrorType[wrapping]("wrapping"),
	} {
		f := load
		f.Errors = append(f.Errors[:1:1], e)
		if got := panics(func() { _ = ocall.Service{f}.String() }); !strings.Contains(got, want) {
			t.Errorf("%s: %s", want, got)
		}
	}
}

type wrapping struct{ Err error }

func (wrapping) Error() string { return "" }
