package ocalltest_test

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/ocalltest"
)

func TestConformance(t *testing.T) {
	mux, polls := new(ocall.Mux), &ocall.Mux{BusyPoll: time.Millisecond}
	ocalltest.HandleConformance(mux)
	ocalltest.HandleConformance(polls)
	listen := func(mux *ocall.Mux, network, address string) func(*testing.T) *ocall.Conn {
		return func(t *testing.T) *ocall.Conn {
			l, err := net.Listen(network, address)
			if err != nil {
				t.Fatal(err)
			}
			go mux.Serve(t.Context(), l, ocalltest.Conformance)
			t.Setenv(ocall.AddressVariable, network+":"+l.Addr().String())
			conn, err := ocall.Dial(t.Context(), ocalltest.Conformance)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			return conn
		}
	}
	for name, connect := range map[string]func(*testing.T) *ocall.Conn{
		"pipe": func(t *testing.T) *ocall.Conn { return ocalltest.Pipe(t, mux, ocalltest.Conformance) },
		"an attacker who does nothing": func(t *testing.T) *ocall.Conn {
			return ocalltest.Hostile(t, mux, ocalltest.Conformance)
		},
		"unix":         listen(mux, "unix", filepath.Join(t.TempDir(), "s")),
		"tcp":          listen(mux, "tcp", "127.0.0.1:0"),
		"unix, polled": listen(polls, "unix", filepath.Join(t.TempDir(), "s")),
		"tcp, polled":  listen(polls, "tcp", "127.0.0.1:0"),
	} {
		t.Run(name, func(t *testing.T) {
			if err := ocalltest.Conform(t.Context(), connect(t)); err != nil {
				t.Error(err)
			}
		})
	}
}
