package enclave_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"

	"github.com/cleave-sdk/cleave/enclave"
)

func Example() {
	p, err := enclave.Open()
	if err != nil {
		log.Fatal(err) // errors.Is(err, enclave.ErrOutside): not started as an enclave
	}
	creds, err := enclave.NewCredentials(context.Background(), p)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", ":8443")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{TLSConfig: creds.ServerTLS()}
	log.Fatal(server.ServeTLS(listener, "", ""))
}

func ExampleOpen() {
	_, err := enclave.Open()
	fmt.Println(err)
	// Output: enclave: this process is not inside an enclave; start it with `ego run`, or by package host (with Simulate where there is no SGX)
}

func ExamplePlatform_Quote() {
	p, err := enclave.Open()
	if err != nil {
		log.Fatal(err)
	}
	nonce := []byte("what the verifier sent")
	quote, err := p.Quote(context.Background(), "example.org/enrol v1", nonce)
	if err != nil {
		log.Fatal(err)
	}
	// The verifier compares with attest.ReportData of the same purpose and nonce.
	fmt.Printf("%d bytes for %v\n", len(quote), p.Identity().Measurement)
}
