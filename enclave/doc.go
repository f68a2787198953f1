// Package enclave is what a trusted half, a program inside an Intel SGX
// enclave, knows of itself: who it is, and how it proves that to others.
//
//	p, err := enclave.Open()
//	creds, err := enclave.NewCredentials(ctx, p)
//	server := &http.Server{TLSConfig: creds.ServerTLS()}
//	err = server.ServeTLS(listener, "", "")
//
// Enclaves on one CPU can attest each other without quotes, collateral or
// services: see [Platform.LocalReport] and [Platform.VerifyLocalReport].
//
// Clients that check such a server, and policies that say which enclaves to
// trust, are in package attest. A [Platform] is also where package sealing
// has its keys from.
//
// Quotes are made with the help of the host, as is the clock that says when
// a certificate is to be renewed. The host can therefore keep an enclave from
// proving anything; it cannot have it prove something else.
package enclave
