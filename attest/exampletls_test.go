package attest_test

import (
	"crypto/tls"
	"fmt"
	"log"
	"net/http"

	"github.com/cleave-sdk/cleave/attest"
)

// A client of a service that EGo serves, as it is.
func ExampleVerifier_dialects() {
	signer, err := attest.ParseSigner("ca9ad7331448980aa28890ce73e433638377f179ab4456b2fe237193193a8d0a")
	if err != nil {
		log.Fatal(err)
	}
	v := &attest.Verifier{
		Policy:   attest.Policy{Products: []attest.Product{attest.SignedBy(signer, 1, 2)}},
		Dialects: []attest.Dialect{attest.EGo},
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: v.TLSConfig()}}
	resp, err := client.Get("https://ego.example.org/")
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
}

// A service whose clients are enclaves: a handler learns which.
func ExampleVerifier_Report() {
	v := new(attest.Verifier) // with a policy
	handler := func(w http.ResponseWriter, r *http.Request) {
		client, err := v.Report(*r.TLS)
		if err != nil {
			http.Error(w, "who are you?", http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, "hello, version %d\n", client.SVN)
	}
	config := v.TLSConfig()
	config.Certificates = []tls.Certificate{} // the service's own
	server := &http.Server{Handler: http.HandlerFunc(handler), TLSConfig: config}
	log.Fatal(server.ListenAndServeTLS("", ""))
}

// A client that insists on a name and on an enclave: the server's certificate is
// signed by an authority, and has the evidence for the same key.
func ExampleVerifier_AddTo() {
	v := new(attest.Verifier) // with a policy
	config, err := v.AddTo(&tls.Config{ServerName: "vault.example.org"})
	if err != nil {
		log.Fatal(err) // the configuration contradicts attested TLS, and this says where
	}
	conn, err := tls.Dial("tcp", "vault.example.org:443", config)
	if err != nil {
		log.Fatal(err)
	}
	conn.Close()
}
