// Command trusted is the trusted half of attestedhttp: it answers requests with
// the help of one value that its owner has given it and that nobody else, its
// host included, can read.
//
//	PUT  /value    the owner gives the value, 16 to 1024 bytes; giving it again is fine, another is not
//	POST /answer   anybody has HMAC-SHA-256 of a message by that value, in hexadecimal
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
	"net/http"
	"os"
	"time"

	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/examples/attestedhttp/calls"
	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/sealing"
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
	config := creds.ServerTLS()
	config.ClientAuth = tls.RequestClientCert // the owner has one, and proves in the handshake to have its key
	l, err := tls.Listen("tcp", listen, config)
	if err != nil {
		return err
	}
	if _, err := calls.Serving.Call(ctx, conn, l.Addr().String()); err != nil {
		return err
	}
	server := http.Server{
		Handler:        v.routes(),
		ReadTimeout:    10 * time.Second,
		WriteTimeout:   10 * time.Second,
		IdleTimeout:    time.Minute,
		MaxHeaderBytes: 8 << 10,
	}
	return server.Serve(l)
}
