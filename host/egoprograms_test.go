package host_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// EGo's own programs, as they are, in enclaves of the simulator. CLEAVE_EGO
// names a checkout of github.com/edgelesssys/ego, which gets what it depends on
// from the module proxy. Its samples serve on ports 8080 and 8081.
func TestEGoPrograms(t *testing.T) {
	checkout := os.Getenv("CLEAVE_EGO")
	if checkout == "" {
		t.Skip("CLEAVE_EGO is not set")
	}
	e := ego{t, checkout, filepath.Join(t.TempDir(), "machine")}
	t.Run("helloworld", e.on(ego.helloWorld))
	t.Run("remote_attestation", e.on(ego.remoteAttestation))
	t.Run("attested_tls", e.on(ego.attestedTLS))
	t.Run("local_attestation", e.on(ego.localAttestation))
	t.Run("packages", e.on(ego.packages))
}

type ego struct {
	*testing.T
	checkout string
	state    string
}

func (e ego) on(test func(ego)) func(*testing.T) {
	return func(t *testing.T) { test(ego{t, e.checkout, e.state}) }
}

func (e ego) helloWorld() {
	if out := e.launch(e.sample("helloworld", ".")).ends(); strings.Count(out, "hello") != 5 {
		e.Errorf("%q", out)
	}
}

// The server hands out its certificate and a report of its hash; the client
// then trusts the certificate.
func (e ego) remoteAttestation() {
	server := e.launch(e.sample("remote_attestation", "."))
	const url = "https://localhost:8080"
	anybody := &tls.Config{InsecureSkipVerify: true}
	der, _ := server.get(anybody, url+"/cert")
	report, _ := server.get(anybody, url+"/report")
	hash := sha256.Sum256(der)
	server.proves(report, [64]byte(append(hash[:], make([]byte, 32)...)), 1234, 2)

	cert, err := x509.ParseCertificate(der)
	if err != nil {
		e.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	server.get(&tls.Config{RootCAs: roots}, url+"/secret?s=mySecret")
	if !server.printed("sent secret [mySecret]") {
		e.Errorf("%q", server.out)
	}
}

// The server's certificate carries a report of the hash of its key.
func (e ego) attestedTLS() {
	server := e.launch(e.sample("attested_tls", "."))
	_, state := server.get(&tls.Config{InsecureSkipVerify: true}, "https://localhost:8080/secret?s=mySecret")
	cert := state.PeerCertificates[0]
	hash := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	found := false
	for _, x := range cert.Extensions {
		if x.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 105, 1}) {
			found = true
			server.proves(x.Value, [64]byte(append(hash[:], make([]byte, 32)...)), 1234, 2)
		}
	}
	if !found || !server.printed("sent secret [mySecret]") {
		e.Errorf("evidence %t, %q", found, server.out)
	}
}

// Two enclaves attest each other, and the client talks to the server by what
// came of it.
func (e ego) localAttestation() {
	dir := e.sample("local_attestation", "server", "client")
	server := e.launch(filepath.Join(dir, "server"))
	server.get(nil, "http://localhost:8080/cert")
	out := e.launch(filepath.Join(dir, "client")).ends()
	if !strings.Contains(out, "server responded: pong") {
		e.Errorf("%q, %q", out, server.out)
	}
	// Two machines are strangers.
	stranger := e
	stranger.state += "2"
	if client := stranger.launch(filepath.Join(dir, "client")); client.Wait() == nil || !strings.Contains(client.out.String(), "OE_VERIFY_FAILED_AES_CMAC_MISMATCH") {
		e.Errorf("on another machine: %q", client.out)
	}
}

// packages is testdata/egopackages: EGo's packages, called by a program that is
// not EGo's.
func (e ego) packages() {
	module := e.TempDir()
	if err := errors.Join(os.CopyFS(module, os.DirFS("testdata/egopackages")),
		os.WriteFile(filepath.Join(module, "go.mod"), []byte("module program\n\ngo 1.26\n\nrequire github.com/edgelesssys/ego v0.0.0\n"), 0o600)); err != nil {
		e.Fatal(err)
	}
	dir := e.build(module, ".")
	reports, id := e.said(dir, "reports")
	data := make([]byte, 64)
	what := fmt.Sprintf("%%x 1 true %v %v 01000000000000000000000000000000 %%s", id.Measurement, id.Signer)
	self := fmt.Sprintf(what, data, "Unknown [] <nil>")
	copy(data, "what the enclave says")
	remote := fmt.Sprintf(what, data, "UpToDate [] <nil>")
	if reports["self"] != self || reports["remote"] != remote || reports["forged"] != "OE_VERIFY_FAILED" || reports["other"] == "<nil>" {
		e.Errorf("%v; want %s and %s", reports, self, remote)
	}

	keys, _ := e.said(dir, "keys")
	again, _ := e.said(dir, "keys")
	zero := hex.EncodeToString(make([]byte, 16))
	if keys["id"] != again["id"] || keys["unique"] == again["unique"] || keys["product"] == again["product"] || len(keys["id"]) != 32 || keys["id"] == zero {
		e.Errorf("%v, then %v", keys, again)
	}

	sealed, _ := e.said(dir, "seal")
	for _, name := range []string{"unique", "product"} {
		if got, _ := e.said(dir, "unseal", name, sealed[name]); got[name] != "a secret" {
			e.Errorf("%s opens as %q", name, got)
		}
	}
}
