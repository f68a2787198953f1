package enclave_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"log"
	"net"
	"net/http"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
)

// A service that only enclaves of one product may use.
func ExampleCredentials_MutualTLS() {
	p, err := enclave.Open()
	if err != nil {
		log.Fatal(err)
	}
	creds, err := enclave.NewCredentials(context.Background(), p)
	if err != nil {
		log.Fatal(err)
	}
	v := &attest.Verifier{Policy: workers}
	server := &http.Server{
		Addr:      ":8443",
		TLSConfig: creds.MutualTLS(v),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			client, err := v.Report(*r.TLS)
			if err != nil {
				http.Error(w, err.Error(), http.StatusForbidden)
				return
			}
			fmt.Fprintln(w, "hello, version", client.SVN)
		}),
	}
	log.Fatal(server.ListenAndServeTLS("", ""))
}

// One of its clients, in an enclave too.
func ExampleCredentials_ClientTLS() {
	p, err := enclave.Open()
	if err != nil {
		log.Fatal(err)
	}
	creds, err := enclave.NewCredentials(context.Background(), p)
	if err != nil {
		log.Fatal(err)
	}
	service := &attest.Verifier{Policy: workers}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: creds.ClientTLS(service)}}
	resp, err := client.Get("https://service.example.org/")
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
}

// A server for clients of EGo and of everybody else.
func ExampleNewCredentialsWith() {
	p, err := enclave.Open()
	if err != nil {
		log.Fatal(err)
	}
	creds, err := enclave.NewCredentialsWith(context.Background(), p, enclave.CredentialsOptions{
		Dialects: []attest.Dialect{attest.EGo, attest.DICE},
	})
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: ":8443", TLSConfig: creds.ServerTLS()}
	log.Fatal(server.ListenAndServeTLS("", ""))
}

// A name for browsers, over a key that never leaves the enclave, and a proof of
// the enclave for those who ask.
func ExampleCredentials_Request() {
	p, err := enclave.Open()
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	creds, err := enclave.NewCredentials(ctx, p)
	if err != nil {
		log.Fatal(err)
	}
	request, err := creds.Request(&x509.CertificateRequest{DNSNames: []string{"vault.example.org"}})
	if err != nil {
		log.Fatal(err)
	}
	chain := finalizeOrder(request.Raw) // by acme.Client.CreateOrderCert, for example
	if err := request.UseChain(ctx, chain); err != nil {
		log.Fatal(err)
	}
	browsers := &http.Server{Addr: ":443", TLSConfig: creds.ServerTLS()}
	go browsers.ListenAndServeTLS("", "")

	others, err := net.Listen("tcp", ":8443")
	if err != nil {
		log.Fatal(err)
	}
	session := &attest.Session{Self: p, AnyPeer: true, TLS: creds.ServerTLS()}
	log.Fatal(http.Serve(session.Listener(others), http.DefaultServeMux))
}

var workers = attest.Policy{Products: []attest.Product{attest.SignedBy(attest.Signer{1}, 2, 1)}}

// finalizeOrder stands for an authority.
func finalizeOrder(request []byte) (chain [][]byte) { return nil }
