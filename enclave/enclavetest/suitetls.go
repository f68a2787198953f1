package enclavetest

import (
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
)

func (s suite) tls(t *testing.T) {
	if s.verifier == nil {
		t.Skip("there is no verifier")
	}
	creds, err := enclave.NewCredentials(t.Context(), s.Platform)
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	done := make(chan error, 1)
	go func() {
		server := tls.Server(far, creds.ServerTLS())
		_, err := server.Write([]byte("from the enclave"))
		done <- err
		server.Close()
	}()
	client := tls.Client(near, s.verifier.TLSConfig())
	defer near.Close()
	got, err := io.ReadAll(client)
	if err != nil || string(got) != "from the enclave" {
		t.Errorf("%q, %v", got, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	r, err := s.verifier.Report(client.ConnectionState())
	if err != nil || r.Identity != s.Identity() {
		t.Errorf("the certificate says %v, %v", r, err)
	}

	nobody := &attest.Verifier{Root: s.verifier.Root, Collateral: s.verifier.Collateral}
	near, far = net.Pipe()
	go tls.Server(far, creds.ServerTLS()).Handshake()
	if err := tls.Client(near, nobody.TLSConfig()).Handshake(); err == nil {
		t.Error("who trusts nobody is connected")
	}
	near.Close()
}
