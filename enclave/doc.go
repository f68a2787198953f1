// Package enclave is what a trusted half, a program inside an Intel SGX
// enclave, knows of itself: who it is, and how it proves that to others.
//
//	p, err := enclave.Open()
//	creds, err := enclave.NewCredentials(ctx, p)
//	server := &http.Server{TLSConfig: creds.ServerTLS()}
//	err = server.ServeTLS(listener, "", "")
//
// # Connections
//
// [Credentials] are a key made in the enclave and a certificate with evidence,
// renewed before it ages:
//
//	creds.ServerTLS()    // anybody may connect, and can verify who this is
//	creds.EvidenceTLS()  // the same, and never an authority's chain
//	creds.MutualTLS(v)   // only enclaves that v trusts may
//	creds.ClientTLS(v)   // the other end of that
//	creds.Request(names) // a name of an authority's for the same key
//
// Such a certificate proves that the key was made by this enclave and, with the
// handshake, that the peer has the key now. It does not prove when: evidence is
// as old as the certificate, and a key that has leaked is good until that
// expires. An [attest.Session] has the enclave quote every connection, and so
// proves that the enclave itself is at its other end:
//
//	session := &attest.Session{Self: p, AnyPeer: true, TLS: creds.ServerTLS()}
//	err = server.Serve(session.Listener(listener))
//
// Neither says which instance of an enclave it is, or on whose behalf it runs:
// any host can start it. A name of an authority, a secret that its owner has
// given it, or a list of machines in the policy does.
//
// Enclaves on one CPU can attest each other without quotes, collateral or
// services: see [Platform.LocalReport] and [Platform.VerifyLocalReport].
//
// Clients that check such a server, and policies that say which enclaves to
// trust, are in package attest; gRPC's are in attest/grpcattest. A [Platform] is
// also where package sealing has its keys from.
//
// # What the host can do
//
// Quotes are made with the help of the host, as is the clock that says when
// a certificate is to be renewed. The host can therefore keep an enclave from
// proving anything; it cannot have it prove something else. It may set the
// clock: what certificates made then say is as wrong as the clock, and refused by
// peers whose own is right. A verifier inside an enclave has the host's clock
// too: see [attest.Policy.MinEvaluation].
package enclave
