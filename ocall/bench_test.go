package ocall_test

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"testing"

	"github.com/cleave-sdk/cleave/ocall"
)

var echo = ocall.Func[[]byte, []byte]{Name: "echo", Check: ocall.Unchecked[[]byte, []byte], MaxRequest: 2 << 20, MaxResponse: 2 << 20}

// BenchmarkEcho compares a call with what the socket alone costs.
func BenchmarkEcho(b *testing.B) {
	b.Run("raw64", func(b *testing.B) { rawEcho(b, 64) })
	b.Run("call64", func(b *testing.B) { callEcho(b, 64) })
	b.Run("raw1M", func(b *testing.B) { rawEcho(b, 1<<20) })
	b.Run("call1M", func(b *testing.B) { callEcho(b, 1<<20) })
	b.Run("call64x64", func(b *testing.B) {
		conn := dialEcho(b)
		b.SetParallelism(32)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := echo.Call(b.Context(), conn, make([]byte, 64)); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("stat", func(b *testing.B) {
		var mux ocall.Mux
		Stat.Handle(&mux, func(ctx context.Context, name string) (Entry, error) { return Entry{Name: name, Size: 9}, nil })
		conn := connect(b, &mux, ocall.Service{Stat})
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Stat.Call(b.Context(), conn, "a blob of a name of some length"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func rawEcho(b *testing.B, n int) {
	l := listen(b)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buf := make([]byte, n)
		for {
			if _, err := io.ReadFull(c, buf); err != nil {
				return
			}
			c.Write(buf)
		}
	}()
	c, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, n)
	for b.Loop() {
		c.Write(buf)
		if _, err := io.ReadFull(c, buf); err != nil {
			b.Fatal(err)
		}
	}
}

func dialEcho(b testing.TB) *ocall.Conn {
	var mux ocall.Mux
	echo.Handle(&mux, func(ctx context.Context, p []byte) ([]byte, error) { return p, nil })
	return connect(b, &mux, ocall.Service{echo})
}

func callEcho(b *testing.B, n int) {
	conn := dialEcho(b)
	buf := make([]byte, n)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := echo.Call(b.Context(), conn, buf); err != nil {
			b.Fatal(err)
		}
	}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// serve has mux answer s until stop is called; served is then what came of it.
func serve(t testing.TB, mux *ocall.Mux, s ocall.Service) (l net.Listener, stop func(), served <-chan error) {
	t.Helper()
	l = listen(t)
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	ended := make(chan error, 1)
	go func() { ended <- mux.Serve(ctx, l, s) }()
	return l, stop, ended
}

// connect serves s and dials it.
func connect(t testing.TB, mux *ocall.Mux, s ocall.Service) *ocall.Conn {
	t.Helper()
	l, cancel, served := serve(t, mux, s)
	conn := dial(t, l, s)
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		conn.Close()
	})
	return conn
}

func dial(t testing.TB, l net.Listener, s ocall.Service) *ocall.Conn {
	t.Helper()
	nc, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ocall.New(context.Background(), nc, s)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
