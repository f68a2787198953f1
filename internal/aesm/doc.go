// Package aesm speaks the protocol of Intel's AESM service, which has a quoting
// enclave and turns reports made for it into quotes. On Kubernetes nodes it is
// in a container of its own, reached over a socket mounted at
// /var/run/aesmd/aesm.socket.
//
//	client := &aesm.Client{}
//	target, err := client.Target(ctx)     // whom to make the report for
//	quote, err := client.Quote(ctx, report)
//
// A request is one connection: a length of four bytes, little-endian, and a
// protobuf message, then the same back.
//
// [Server] is the other end, in front of a quoting enclave in software.
//
// The client has been run against the code of Intel's service, with a stand-in
// for the quoting enclave, and the server by Intel's client library. Neither has
// been run on SGX hardware.
package aesm
