package attest_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/ratls"
)

var rewrite = flag.Bool("rewrite", false, "make the certificates in testdata anew")

// A golden certificate is kept in testdata, so that what was once written in a
// dialect is read as long as there is the dialect. They are of one synthetic
// machine, whose root and collateral are kept with them.
type golden struct {
	dialects []ratls.Dialect
	oids     []string // of the extensions, where they are not the first of each
	shape    func(*leaf)
}

func goldens(t *testing.T) map[string]golden {
	t.Helper()
	egos := func(l *leaf) { l.template.NotBefore, l.template.NotAfter = time.Time{}, noon.AddDate(1, 0, 0) }
	openEnclaves := func(l *leaf) {
		l.template.NotBefore = time.Date(2019, 5, 1, 0, 0, 0, 0, time.UTC)
		l.template.NotAfter = time.Date(2050, 12, 31, 23, 59, 59, 0, time.UTC)
	}
	gramines := func(l *leaf) {
		l.template.NotBefore = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
		l.template.NotAfter = time.Date(2030, 12, 31, 23, 59, 59, 0, time.UTC)
	}
	early := func(l *leaf) {
		l.key, l.template.SignatureAlgorithm = newRSA(t, 2048), x509.SHA1WithRSA
		l.template.NotAfter = l.template.NotBefore.AddDate(10, 0, 0)
	}
	day := func(*leaf) {}
	return map[string]golden{
		"dice":              {[]ratls.Dialect{ratls.DICE}, []string{"2.23.133.5.4.9"}, day},
		"ego":               {[]ratls.Dialect{ratls.EGo}, []string{"1.3.6.1.4.1.311.105.1"}, egos},
		"ego-oe":            {[]ratls.Dialect{ratls.OpenEnclaveReport}, []string{"1.3.6.1.4.1.311.105.1"}, egos},
		"oe-report":         {[]ratls.Dialect{ratls.OpenEnclaveReport}, []string{"1.3.6.1.4.1.311.105.1"}, openEnclaves},
		"oe-report-early":   {[]ratls.Dialect{ratls.OpenEnclaveReport}, []string{"1.2.840.113556.10.1.1"}, openEnclaves},
		"oe-evidence":       {[]ratls.Dialect{ratls.OpenEnclaveEvidence}, []string{"1.3.6.1.4.1.311.105.2"}, openEnclaves},
		"oe-evidence-early": {[]ratls.Dialect{ratls.OpenEnclaveEvidence}, []string{"1.2.840.113556.10.1.2"}, openEnclaves},
		"gramine":           {[]ratls.Dialect{ratls.Gramine}, []string{"0.6.9.42.840.113741.1337.6"}, gramines},
		"gramine-intel":     {[]ratls.Dialect{ratls.Gramine}, []string{"1.2.840.113741.1337.6"}, gramines},
		"gramine-both":      {[]ratls.Dialect{ratls.Gramine, ratls.DICE}, []string{"0.6.9.42.840.113741.1337.6", "2.23.133.5.4.9"}, gramines},
		"rats-tls":          {[]ratls.Dialect{ratls.RATSTLS}, []string{"1.2.840.113741.1337.6"}, early},
		"for-all":           {[]ratls.Dialect{ratls.DICE, ratls.EGo, ratls.OpenEnclaveEvidence}, []string{"2.23.133.5.4.9", "1.3.6.1.4.1.311.105.1", "1.3.6.1.4.1.311.105.2"}, day},
	}
}

const goldenDir = "testdata/certificates"

func TestGolden(t *testing.T) {
	all := goldens(t)
	if *rewrite {
		writeGoldens(t, all)
	}
	bundle := must(attest.ParseBundle(read(t, "collateral.json")))(t)
	for name, g := range all {
		t.Run(name, func(t *testing.T) {
			block, rest := pem.Decode(read(t, name+".pem"))
			if len(rest) > 0 {
				t.Error("more than one certificate")
			}
			cert := must(x509.ParseCertificate(block.Bytes))(t)
			for _, accepted := range attest.AllDialects() {
				v := verifierOf(t, bundle)
				v.Dialects = []attest.Dialect{accepted}
				fits := slices.Contains(g.dialects, ratls.Dialect(accepted))
				r, err := v.VerifyCertificate(t.Context(), cert)
				if fits != (err == nil) || fits && (r.Dialect != accepted || r.SVN != 9) {
					t.Errorf("%v: %+v, %v", accepted, r, err)
				}
			}
			everyByte(t, verifierOf(t, bundle), cert)
		})
	}
}

func verifierOf(t *testing.T, bundle attest.Bundle) *attest.Verifier {
	t.Helper()
	block, _ := pem.Decode(read(t, "root.pem"))
	return &attest.Verifier{
		Root: must(x509.ParseCertificate(block.Bytes))(t), Collateral: bundle, Time: at(noon), Dialects: attest.AllDialects(),
		Policy: attest.Policy{Builds: []attest.Measurement{enclave("friend").MRENCLAVE}},
	}
}

// everyByte changes bytes all over the certificate. None may be another one, of
// those that say what it says: ASN.1 and PEM have some that do not.
func everyByte(t *testing.T, v *attest.Verifier, cert *x509.Certificate) {
	t.Helper()
	for i := 7; i < len(cert.Raw); i += 61 {
		changed, err := x509.ParseCertificate(flipped(cert.Raw, i))
		if err != nil {
			continue
		}
		if r, err := v.VerifyCertificate(t.Context(), changed); err == nil {
			t.Errorf("byte %d: %+v", i, r)
		}
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	return must(os.ReadFile(filepath.Join(goldenDir, name)))(t)
}

func writeGoldens(t *testing.T, all map[string]golden) {
	t.Helper()
	check(t, os.MkdirAll(goldenDir, 0o755))
	m := newMachine(t)
	subject := attest.Subject{FMSPC: m.platform.FMSPC, CA: "platform"}
	files := map[string][]byte{
		"root.pem":        issue.PEM(m.authority.Root.Certificate),
		"collateral.json": must(attest.Bundle{subject: m.collateral(t)}.MarshalJSON())(t),
	}
	for name, g := range all {
		l := m.leaf(t, "friend")
		g.shape(l)
		l.in(t, g.dialects...)
		for i, oid := range g.oids {
			l.template.ExtraExtensions[i].Id = parseOID(t, oid)
		}
		files[name+".pem"] = issue.PEM(l.parsed(t))
	}
	for name, content := range files {
		check(t, os.WriteFile(filepath.Join(goldenDir, name), content, 0o644))
	}
}

func parseOID(t *testing.T, text string) (id asn1.ObjectIdentifier) {
	t.Helper()
	for arc := range strings.SplitSeq(text, ".") {
		id = append(id, must(strconv.Atoi(arc))(t))
	}
	return id
}

// TestGoldenByOpenSSL has another implementation read the certificates.
func TestGoldenByOpenSSL(t *testing.T) {
	openssl := findOpenSSL(t)
	for name, g := range goldens(t) {
		file := filepath.Join(goldenDir, name+".pem")
		text, err := exec.Command(openssl, "x509", "-noout", "-text", "-in", file).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, text)
		}
		for _, oid := range g.oids {
			if !bytes.Contains(text, []byte(" "+oid+": \n")) {
				t.Errorf("%s: openssl sees no extension %s", name, oid)
			}
		}
		out, err := exec.Command(openssl, "asn1parse", "-in", file).CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("Error")) {
			t.Errorf("%s: %v: %.300s", name, err, out)
		}
	}
}

func findOpenSSL(t *testing.T) string {
	t.Helper()
	openssl, err := exec.LookPath("openssl")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("there is no openssl here to compare with")
	}
	check(t, err)
	return openssl
}

// TestServerByOpenSSL has openssl's client connect to an attested server, which
// it sees as one of TLS 1.3 with a certificate it does not know the issuer of.
func TestServerByOpenSSL(t *testing.T) {
	openssl := findOpenSSL(t)
	p := newPair(t)
	config := p.mutual()
	config.ClientAuth, config.VerifyConnection = 0, nil // of the client
	address := serve(t, config)
	cmd := exec.CommandContext(t.Context(), openssl, "s_client", "-connect", address, "-showcerts")
	cmd.Stdin = strings.NewReader("Q\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cert := issue.PEM(must(x509.ParseCertificate(p.cert.Certificate[0]))(t))
	for name, want := range map[string]string{
		"version": "TLSv1.3", "certificate": string(cert), "verdict on the chain": "self-signed certificate",
	} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("%s: openssl does not show %q in %s", name, want, out)
		}
	}
	if bytes.Contains(out, []byte("Post-Handshake New Session Ticket")) {
		t.Error("the server has sent a session ticket")
	}
}
