package enclavetest_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/enclave/enclavetest"
)

// A service and its client in one test: the client accepts the service's
// enclave and no other.
func Example() {
	TestService := func(t *testing.T) {
		machine := enclavetest.NewMachine(t)
		p := machine.Enclave(t, attest.Identity{Measurement: attest.Measurement{1}, Signer: attest.Signer{2}, ProductID: 3, SVN: 4})
		creds, err := enclave.NewCredentials(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		service := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "from the enclave")
		}))
		service.Listener = tls.NewListener(service.Listener, creds.ServerTLS()) // StartTLS would show a certificate of its own
		service.Start()
		defer service.Close()

		v := machine.Verifier(attest.Policy{Products: []attest.Product{attest.SignedBy(attest.Signer{2}, 3, 4)}})
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: v.TLSConfig()}}
		answer, err := client.Get("https://" + service.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		fmt.Println(string(body), err)
	}
	testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "TestService", F: TestService}})
	// Output: from the enclave <nil>
}
