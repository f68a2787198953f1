// Command trusted is the trusted half of the quickstart: a service that signs
// messages with a secret that its owner has given it and that nobody else, its
// host included, can read.
//
// Whoever comes first gives an instance without a secret one. A host can start
// such an instance whenever it likes, and give it a secret of its own; then the
// signatures are not the owner's, and whoever knows those sees it. A service
// whose clients cannot tell has its owner's public key built in, and takes only
// what that has signed.
//
//	PUT  /secret   the owner gives the secret, once
//	POST /sign     anybody has a message signed: HMAC-SHA-256, in hexadecimal
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/examples/quickstart/calls"
	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/sealing"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "trusted half:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	p, err := enclave.Open()
	if err != nil {
		return err
	}
	return serve(ctx, p)
}

// serve serves until ctx ends, whatever the platform.
func serve(ctx context.Context, p *enclave.Platform) error {
	conn, err := ocall.Dial(ctx, calls.Service)
	if err != nil {
		return err
	}
	defer conn.Close()
	v, err := openVault(ctx, conn, sealing.New(p, sealing.ToSigner))
	if err != nil {
		return err
	}
	creds, err := enclave.NewCredentials(ctx, p)
	if err != nil {
		return err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", creds.ServerTLS())
	if err != nil {
		return err
	}
	if _, err := calls.Ready.Call(ctx, conn, l.Addr().String()); err != nil {
		return err
	}
	server := http.Server{Handler: v.routes(), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	return server.Serve(l)
}
