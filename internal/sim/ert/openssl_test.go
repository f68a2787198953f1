package ert_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/sim"
)

// Everything that the simulator signs is checked by OpenSSL too.
func TestOpenSSL(t *testing.T) {
	o := newOpenSSL(t)
	machine := must(sim.Open(filepath.Join(t.TempDir(), "machine")))
	quote := must(machine.Quote(machine.Enclave(sim.Identity{}).Report(machine.QuotingEnclave(), [64]byte{1})))
	pck := o.certificates("pck", quote[bytes.Index(quote, []byte("-----BEGIN")):])
	root := o.write("root.pem", pemOf(machine.Root().Raw))

	tcbInfo, signers := o.ask(machine, fmt.Sprintf("tcb?fmspc=%x", machine.Platform().FMSPC), "TCB-Info-Issuer-Chain")
	signing := o.certificates("signing", signers)
	qeIdentity, _ := o.ask(machine, "qe/identity", "SGX-Enclave-Identity-Issuer-Chain")
	pckList, _ := o.ask(machine, "pckcrl?ca=platform&encoding=der", "SGX-PCK-CRL-Issuer-Chain")
	rootHex, _ := o.ask(machine, "rootcacrl", "")
	rootList := must(hex.DecodeString(string(rootHex)))
	lists := o.write("lists.pem", append(pemOfList(pckList), pemOfList(rootList)...))

	o.succeeds("root", "verify", "-x509_strict", "-check_ss_sig", "-CAfile", root, root)
	o.succeeds("PCK CA", "verify", "-x509_strict", "-crl_check_all", "-CRLfile", lists, "-CAfile", root, pck[1])
	o.succeeds("PCK", "verify", "-x509_strict", "-crl_check_all", "-CRLfile", lists, "-CAfile", root, "-untrusted", pck[1], pck[0])
	o.succeeds("TCB signing", "verify", "-x509_strict", "-crl_check", "-CRLfile", lists, "-CAfile", root, signing[0])
	o.list("root's list", rootList, root)
	o.list("PCK's list", pckList, pck[1])
	o.document("TCB info", tcbInfo, `{"tcbInfo":`, signing[0])
	o.document("QE identity", qeIdentity, `{"enclaveIdentity":`, signing[0])
	o.signature("QE report", quote[564:948], quote[948:1012], o.key(pck[0]))
	o.signature("quote", quote[:432], quote[436:500], o.point(quote[500:564]))
}

// openSSL is the command, with files that it reads.
type openSSL struct {
	*testing.T
	command, dir string
}

func newOpenSSL(t *testing.T) *openSSL {
	t.Helper()
	command, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	return &openSSL{t, command, t.TempDir()}
}

func (o *openSSL) write(name string, b []byte) (path string) {
	o.Helper()
	path = filepath.Join(o.dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		o.Fatal(err)
	}
	return path
}

// certificates writes those of a chain to files, leaf first.
func (o *openSSL) certificates(name string, chain []byte) (paths []string) {
	o.Helper()
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		paths = append(paths, o.write(name+string('0'+rune(len(paths))), pemOf(block.Bytes)))
	}
	return paths
}

func (o *openSSL) ask(machine *sim.Machine, path, header string) (body, chain []byte) {
	o.Helper()
	w := httptest.NewRecorder()
	machine.PCS().ServeHTTP(w, httptest.NewRequest("GET", "/sgx/certification/v4/"+path, nil))
	if w.Code != 200 {
		o.Fatalf("%s: %d", path, w.Code)
	}
	return w.Body.Bytes(), []byte(must(url.QueryUnescape(w.Header().Get(header))))
}

func (o *openSSL) run(args ...string) (string, error) {
	out, err := exec.Command(o.command, args...).CombinedOutput()
	return string(out), err
}

func (o *openSSL) succeeds(what string, args ...string) {
	o.Helper()
	if out, err := o.run(args...); err != nil {
		o.Errorf("%s: %v: %s", what, err, out)
	}
}

// list checks the signature of a revocation list, and that openssl would find
// a wrong one.
func (o *openSSL) list(what string, der []byte, issuer string) {
	o.Helper()
	for changed, says := range map[bool]string{false: "verify OK", true: "verify failure"} {
		b := bytes.Clone(der)
		if changed {
			b[len(b)-1] ^= 1
		}
		out, _ := o.run("crl", "-inform", "DER", "-in", o.write("list.der", b), "-CAfile", issuer, "-noout")
		if !strings.Contains(out, says) {
			o.Errorf("%s, changed %t: %s", what, changed, out)
		}
	}
}

// document checks the signature of the exact bytes of a document's body.
func (o *openSSL) document(what string, b []byte, before, signer string) {
	o.Helper()
	body, signature, ok := bytes.Cut(bytes.TrimPrefix(b, []byte(before)), []byte(`,"signature":"`))
	if !ok {
		o.Fatalf("%s: %s", what, b)
	}
	o.signature(what, body, must(hex.DecodeString(strings.TrimSuffix(string(signature), `"}`))), o.key(signer))
}

// signature checks r and s, and that neither fits another message.
func (o *openSSL) signature(what string, message, rs []byte, key string) {
	o.Helper()
	der := must(asn1.Marshal([]*big.Int{new(big.Int).SetBytes(rs[:32]), new(big.Int).SetBytes(rs[32:])}))
	args := []string{"dgst", "-sha256", "-verify", key, "-signature", o.write("signature", der)}
	o.succeeds(what, append(args, o.write("message", message))...)
	if out, err := o.run(append(args, o.write("message", append(bytes.Clone(message), 0)))...); err == nil {
		o.Errorf("%s: another message verifies: %s", what, out)
	}
}

// key writes the public key of a certificate to a file.
func (o *openSSL) key(certificate string) string {
	o.Helper()
	out, err := o.run("x509", "-in", certificate, "-pubkey", "-noout")
	if err != nil {
		o.Fatalf("%v: %s", err, out)
	}
	return o.write("key.pem", []byte(out))
}

// point writes a public key of which there are only the coordinates to a file.
func (o *openSSL) point(xy []byte) string {
	o.Helper()
	key := must(ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, xy...)))
	return o.write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(key))}))
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func pemOfList(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}
