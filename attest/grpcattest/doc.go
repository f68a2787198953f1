// Package grpcattest has gRPC connections prove which enclaves they end in. It
// is a module of its own, so that those who do not use gRPC do not carry it.
//
// A client, and the enclave that it trusts, with evidence in the certificate:
//
//	creds, err := grpcattest.NewTLS(v, nil)
//	conn, err := grpc.NewClient("dns:///vault.example.org:443", grpc.WithTransportCredentials(creds))
//
//	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(own.ServerTLS())))
//
// The same with a proof for every connection, between enclaves ([attest.Session]
// says what that adds):
//
//	creds := grpcattest.NewSession(&attest.Session{Self: p, Peer: v})
//	server := grpc.NewServer(grpc.Creds(grpcattest.NewSession(&attest.Session{Self: p, Peer: v, TLS: own.ServerTLS()})))
//
// A handler asks [Report] who calls. Connections live long, and each has proved
// its peer when it began: grpc.KeepaliveParams has MaxConnectionAge for that to
// be done again.
package grpcattest
