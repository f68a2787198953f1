package ocalltest_test

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/ocalltest"
)

func TestConformance(t *testing.T) {
	var mux ocall.Mux
	ocalltest.HandleConformance(&mux)
	listen := func(network, address string) func(*testing.T) *ocall.Conn {
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
		"pipe": func(t *testing.T) *ocall.Conn { return ocalltest.Pipe(t, &mux, ocalltest.Conformance) },
		"an attacker who does nothing": func(t *testing.T) *ocall.Conn {
			return ocalltest.Hostile(t, &mux, ocalltest.Conformance)
		},
		"unix": listen("unix", filepath.Join(t.TempDir(), "s")),
		"tcp":  listen("tcp", "127.0.0.1:0"),
	} {
		t.Run(name, func(t *testing.T) {
			if err := ocalltest.Conform(t.Context(), connect(t)); err != nil {
				t.Error(err)
			}
		})
	}
}
