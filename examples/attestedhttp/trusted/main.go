// Command trusted is the trusted half of attestedhttp: it answers requests with
// the help of one value that its owner has given it and that nobody else, its
// host included, can read.
//
//	PUT  /value    the owner gives the value, 16 to 1024 bytes; giving it again is fine, another is not
//	POST /answer   anybody has HMAC-SHA-256 of a message by that value, in hexadecimal
//
// Its host asks it, at an address of its own on the loopback device:
//
//	GET  /ready    204 if the value is there, else 503
//
// The owner is who has the key that enclave.json names in OWNER: SHA-256 of the
// public key, which is measured with the enclave, so that an enclave with
// another owner is another enclave. The owner proves it in the TLS handshake.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/examples/attestedhttp/bounds"
	"github.com/cleave-sdk/cleave/examples/attestedhttp/calls"
	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/sealing"
)

// maxConnections is how many may be connected at once. Without HTTP/2, which is
// not offered, each is one request at a time. With buffers and a message twice
// while it is read, that is 256 KB at most, so that all fit in a quarter of the
// heap. The host has a few more, to ask for readiness.
const (
	maxConnections = 256
	maxHost        = 8
)

func main() {
	// The host's choice: it decides where it can be reached, and nothing else.
	listen := flag.String("listen", "127.0.0.1:0", "serve at this `ADDRESS`")
	flag.Parse()
	if err := run(context.Background(), *listen); err != nil {
		fmt.Fprintln(os.Stderr, "trusted half:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen string) error {
	owner, err := parseOwner(os.Getenv("OWNER"))
	if err != nil {
		return err
	}
	p, err := enclave.Open()
	if err != nil {
		return err
	}
	conn, err := ocall.Dial(ctx, calls.Service)
	if err != nil {
		return err
	}
	defer conn.Close()
	v := &vault{host: conn, sealer: sealing.New(p, sealing.ToSigner), owner: owner}
	if err := v.load(ctx); err != nil {
		return err
	}
	creds, err := enclave.NewCredentials(ctx, p)
	if err != nil {
		return err
	}
	return serve(ctx, conn, v, creds, listen)
}

// serve returns when either server has ended, and with it this half. The host is
// answered by TLS too, for handshakes are what has certificates renewed.
func serve(ctx context.Context, conn *ocall.Conn, v *vault, creds *enclave.Credentials, listen string) error {
	clients, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	host, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := calls.Serving.Call(ctx, conn, calls.Places{Clients: clients.Addr().String(), Host: host.Addr().String()}); err != nil {
		return err
	}
	config := creds.ServerTLS()
	config.ClientAuth = tls.RequestClientCert // the owner has one, and proves in the handshake to have its key
	ended := make(chan error, 2)
	start := func(l net.Listener, most int, h http.Handler) {
		server := bounds.Server(most, h, func(line string) { fmt.Fprintln(os.Stderr, "trusted half:", line) })
		ended <- server.Serve(tls.NewListener(l, config))
	}
	go start(clients, maxConnections, routes(v))
	go start(host, maxHost, newRenewals(creds, conn).before(v.ready))
	return <-ended
}

func routes(v *vault) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /value", v.give)
	mux.HandleFunc("POST /answer", v.answer)
	return mux
}
