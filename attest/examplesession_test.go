package attest_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	"github.com/cleave-sdk/cleave/attest"
)

// An HTTP client that knows, for every connection, that it ends in the enclave
// now, and by an authority's word that it is this service's.
func ExampleSession() {
	session := &attest.Session{
		Peer: &attest.Verifier{Policy: trusted},
		TLS:  &tls.Config{NextProtos: []string{"h2", "http/1.1"}}, // verifies the name; leave TLS out for the enclave alone
	}
	client := &http.Client{Transport: session.Transport()}
	resp, err := client.Get("https://vault.example.org/")
	if err != nil {
		log.Fatal(err) // errors.Is(err, attest.ErrRefused): it does not accept this client
	}
	defer resp.Body.Close()
	report, err := session.Report(*resp.TLS)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("connected to version", report.SVN)
}

// A service in an enclave, for other enclaves. Self is its [enclave.Platform],
// and the certificate may be of any kind.
//
// [enclave.Platform]: https://pkg.go.dev/github.com/cleave-sdk/cleave/enclave#Platform
func ExampleSession_Listener() {
	session := &attest.Session{Self: self, Peer: &attest.Verifier{Policy: trusted}, TLS: certificates}
	tcp, err := net.Listen("tcp", ":8443")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, err := session.Report(*r.TLS)
		if err != nil {
			http.Error(w, "who are you?", http.StatusForbidden)
			return
		}
		fmt.Fprintln(w, "hello, version", client.SVN)
	})}
	log.Fatal(server.Serve(session.Listener(tcp)))
}

// One connection, of any protocol.
func ExampleSession_Dial() {
	session := &attest.Session{Peer: &attest.Verifier{Policy: trusted}}
	conn, err := session.Dial(context.Background(), "tcp", "vault.example.org:7000")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Println("in enclave", conn.Report().Measurement)
	io.WriteString(conn, "hello\n")
}

// What a program has from elsewhere.
var (
	trusted      = attest.Policy{Products: []attest.Product{attest.SignedBy(attest.Signer{1}, 1, 2)}}
	self         attest.Quoter
	certificates *tls.Config
)
