package grpcattest_test

import (
	"context"
	"log"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/attest/grpcattest"
	"github.com/cleave-sdk/cleave/enclave"
)

// A client of an enclave, anywhere.
func ExampleNewTLS() {
	v := &attest.Verifier{Policy: policy}
	creds, err := grpcattest.NewTLS(v, nil)
	if err != nil {
		log.Fatal(err)
	}
	conn, err := grpc.NewClient("dns:///vault.example.org:443", grpc.WithTransportCredentials(creds))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
}

// The enclave that serves it, and anybody else.
func ExampleNewTLS_server() {
	p, err := enclave.Open()
	if err != nil {
		log.Fatal(err)
	}
	own, err := enclave.NewCredentials(context.Background(), p)
	if err != nil {
		log.Fatal(err)
	}
	listenAndServe(grpc.NewServer(grpc.Creds(credentials.NewTLS(own.ServerTLS()))))
}

// Enclaves of one product, among themselves: this is a server, and the same
// without TLS is a client.
func ExampleNewSession() {
	p, err := enclave.Open()
	if err != nil {
		log.Fatal(err)
	}
	own, err := enclave.NewCredentials(context.Background(), p)
	if err != nil {
		log.Fatal(err)
	}
	session := &attest.Session{Self: p, Peer: &attest.Verifier{Policy: policy}, TLS: own.ServerTLS()}
	listenAndServe(grpc.NewServer(grpc.Creds(grpcattest.NewSession(session)), grpc.UnaryInterceptor(logPeers)))
}

func logPeers(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if r, ok := grpcattest.Report(ctx); ok {
		log.Printf("%s from version %d", info.FullMethod, r.SVN)
	}
	return handle(ctx, request)
}

var policy = attest.Policy{Products: []attest.Product{attest.SignedBy(attest.Signer{1}, 1, 2)}}

func listenAndServe(server *grpc.Server) {
	l, err := net.Listen("tcp", ":8443")
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve(l))
}
