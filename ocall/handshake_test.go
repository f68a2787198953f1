package ocall_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// greeting dials s at a host that answers with exactly b, and hangs up once the
// trusted half has said all it will.
func greeting(t *testing.T, s ocall.Service, b []byte) error {
	t.Helper()
	here, there := pair(t)
	go func() {
		there.Write(b)
		there.CloseWrite()
		io.Copy(io.Discard, there)
		there.Close()
	}()
	conn, err := ocall.New(t.Context(), here, s)
	if err == nil {
		conn.Close()
	}
	return err
}

// pair is two ends of a unix socket.
func pair(t *testing.T) (net.Conn, *net.UnixConn) {
	t.Helper()
	l := listen(t)
	here, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	there, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return here, there.(*net.UnixConn)
}

func surfaceOf(text string) []byte {
	f := sha256.Sum256([]byte("ocall surface 3\n" + text))
	b := helloOf(nil)
	copy(b[32:], f[:])
	return append(b, asked{kind: kindSurface, length: uint32(len(text)), body: []byte(text)}.bytes()...)
}

func TestEveryByteOfTheHelloCounts(t *testing.T) {
	good := helloOf(Service)
	if err := greeting(t, Service, good); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x01
		err := greeting(t, Service, bad)
		want := ocall.ErrViolation
		switch {
		case 16+8 <= i && i < 16+10, 16+12 <= i && i < 16+16:
			want = ocall.ErrMismatch // version, calls in flight
		case i >= 16+16:
			want = ocall.ErrClosed // a surface was expected
		}
		if !errors.Is(err, want) {
			t.Errorf("byte %d flipped: %v", i, err)
		}
	}
}

func TestTruncatedHandshake(t *testing.T) {
	for name, whole := range map[string][]byte{
		"hello":   helloOf(Service),
		"surface": surfaceOf(Service.String() + "zoom(string max=1) string max=1\n"),
	} {
		for n := range whole {
			if err := greeting(t, Service, whole[:n]); !errors.Is(err, ocall.ErrClosed) || errors.Is(err, ocall.ErrViolation) {
				t.Errorf("%s: %d of %d bytes: %v", name, n, len(whole), err)
			}
		}
		if err := greeting(t, Service, whole); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMismatchNamesWhatDiffers(t *testing.T) {
	const load, stat = "blob.load(string max=65536) []byte max=1048576\n", "blob.stat(string max=65536) {Name string, Size uint64} max=65536\n"
	if Service.String() != load+stat {
		t.Fatal("the table is stale")
	}
	lied := surfaceOf(load + stat + "zoom(string max=1) string max=1\n")
	lied[len(lied)-2] ^= 1
	long := surfaceOf(strings.Repeat("x", 64<<10+1))
	for name, c := range map[string]struct {
		greeting []byte
		is       error
		text     string
	}{
		"more":          {surfaceOf("a(int max=1) int max=1\n" + load + stat), nil, ""},
		"fewer":         {surfaceOf(load), ocall.ErrMismatch, "the host does not offer blob.stat"},
		"none":          {surfaceOf(""), ocall.ErrMismatch, "the host does not offer blob.load"},
		"type":          {surfaceOf(load + strings.Replace(stat, "uint64", "uint32", 1)), ocall.ErrMismatch, `blob.stat: response.Size: "uint64" in the trusted half, "uint32" in the host's`},
		"field":         {surfaceOf(load + strings.Replace(stat, "Size", "Length", 1)), ocall.ErrMismatch, `blob.stat: response: "Size" in the trusted half, "Length" in the host's`},
		"request":       {surfaceOf(strings.Replace(load, "string", "[]byte", 1) + stat), ocall.ErrMismatch, `blob.load: request: "string" in the trusted half, "[]byte" in the host's`},
		"limit":         {surfaceOf(strings.Replace(load, "1048576", "1048577", 1) + stat), ocall.ErrMismatch, `blob.load: response: "max=1048576" in the trusted half, "max=1048577" in the host's`},
		"escape":        {surfaceOf(strings.Replace(load, "string", "\x1b[31m", 1) + stat), ocall.ErrMismatch, `"\x1b[31m"`},
		"unsorted":      {surfaceOf(stat + load), ocall.ErrViolation, "surface"},
		"twice":         {surfaceOf(load + load + stat), ocall.ErrViolation, "surface"},
		"no newline":    {surfaceOf(load + strings.TrimSuffix(stat, "\n")), ocall.ErrViolation, "surface"},
		"not announced": {lied, ocall.ErrViolation, "not the one it announced"},
		"too long":      {long, ocall.ErrViolation, ""},
		"length lies":   {append(surfaceOf("")[:64], asked{kind: kindSurface, length: 0xffffffff}.bytes()...), ocall.ErrViolation, ""},
		"HTTP":          {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), ocall.ErrViolation, ""},
		"nothing":       {nil, ocall.ErrClosed, ""},
		"one version up": {func() []byte { b := helloOf(Service); b[24] = 3; return b }(), ocall.ErrMismatch,
			"wire version 2 here, 3 there"},
	} {
		err := greeting(t, Service, c.greeting)
		if (err == nil) != (c.is == nil) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v", name, err)
		} else if err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %s", name, err, c.text)
		}
	}
}

func TestDifferenceInsideNestedTypes(t *testing.T) {
	trusted := "f({Meta {Tags []string, Owner {ID [32]byte}}, N *int} max=1) {M map[string]{A int, B int}} max=1"
	for want, change := range map[string][2]string{
		"f: request.Meta.Tags: ":     {"[]string", "[]int"},
		"f: request.Meta.Owner.ID: ": {"[32]byte", "[33]byte"},
		"f: request.N: ":             {"*int", "int"},
		"f: response.M.B: ":          {"B int", "B bool"},
		"f: response.M: ":            {"map[string]", "map[int]"},
	} {
		host := strings.Replace(trusted, change[0], change[1], 1)
		if err := ocall.Difference(trusted, host); !errors.Is(err, ocall.ErrMismatch) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// Indices are those of the trusted half, whatever else the host offers.
func TestHostMayOfferMore(t *testing.T) {
	var mux ocall.Mux
	Load.Handle(&mux, func(ctx context.Context, name string) ([]byte, error) { return []byte("load"), nil })
	Stat.Handle(&mux, func(ctx context.Context, name string) (Entry, error) { return Entry{Name: name}, nil })
	echo.Handle(&mux, func(ctx context.Context, b []byte) ([]byte, error) { return b, nil })
	l := listen(t)
	go mux.Serve(t.Context(), l, append(Service, echo))
	conn := dial(t, l, ocall.Service{echo, Stat})
	defer conn.Close()
	if e, err := Stat.Call(t.Context(), conn, "a"); e.Name != "a" {
		t.Error(err)
	}
	if b, err := echo.Call(t.Context(), conn, []byte("b")); string(b) != "b" {
		t.Error(err)
	}
	nc, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ocall.New(t.Context(), nc, ocall.Service{declare[string, string]("blob.drop")}); !errors.Is(err, ocall.ErrMismatch) {
		t.Error("a call the host does not offer:", err)
	}
}

func TestHandshakeEndsWithItsContext(t *testing.T) {
	here, there := pair(t)
	defer there.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := ocall.New(ctx, here, Service); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if _, err := here.Write(nil); !errors.Is(err, net.ErrClosed) {
		t.Error("the connection was left open:", err)
	}
}
