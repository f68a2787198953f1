package enclave_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"

	"github.com/cleave-sdk/cleave/attest"
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
	// Output: enclave: this process is not inside an enclave; start it with `ego run`, or by package host (with Simulate where there is no SGX), or in Gramine or Occlum
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

// Two enclaves on one CPU: this one checks what the other has sent it.
func ExamplePlatform_VerifyLocalReport() {
	p, err := enclave.Open()
	if err != nil {
		log.Fatal(err)
	}
	trusted := attest.Policy{Builds: []attest.Measurement{p.Identity().Measurement}} // only its like

	nonce := []byte("what this enclave sends with its target")
	report := askNeighbour(p.Target(), nonce) // by its LocalReport(ctx, target, "example.org/pair v1", nonce)

	r, err := p.VerifyLocalReport(context.Background(), report, "example.org/pair v1", nonce)
	if err != nil {
		log.Fatal(err)
	}
	if err := trusted.CheckLocal(r); err != nil {
		log.Fatal(err)
	}
	fmt.Println("a neighbour of version", r.SVN)
}

// askNeighbour stands for any channel, which the host may read and change.
func askNeighbour(target, nonce []byte) (report []byte) { return nil }
