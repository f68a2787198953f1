package issue_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/google/go-cmp/cmp"
)

func validity() issue.Validity {
	return issue.Days(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), 365)
}

func platform() issue.Platform {
	return issue.Platform{
		PPID:       [16]byte{1, 2, 3},
		Components: [16]uint8{14, 14, 3, 3, 255, 255, 1},
		PCESVN:     13,
		CPUSVN:     [16]byte{14, 14, 3, 3, 255, 255, 1},
		FMSPC:      [6]byte{0x00, 0x60, 0x6A},
		Type:       issue.Scalable,
		InstanceID: [16]byte{4, 5, 6},
		Dynamic:    true,
	}
}

// must keeps the tables readable: issuing fails only on nonsense.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type world struct {
	*issue.Authority
	pck *issue.Entity
}

func newWorld() world {
	names := issue.SimulatorNames()
	a := must(issue.NewAuthority(names, validity()))
	return world{a, must(a.PCK(names.PCK, validity(), platform()))}
}

func TestChainsVerify(t *testing.T) {
	w := newWorld()
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(w.Root.Certificate)
	intermediates.AddCert(w.PCKCA.Certificate)
	options := x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   validity().From.AddDate(0, 1, 0),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for name, leaf := range map[string]*issue.Entity{"PCK": w.pck, "TCB signing": w.TCBSigning} {
		if _, err := leaf.Certificate.Verify(options); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	options.Intermediates = nil
	if _, err := w.pck.Certificate.Verify(options); err == nil {
		t.Error("the PCK verifies without its CA: this test tests nothing")
	}
}

func TestOpenSSLVerifies(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl in the path: certificates and lists were checked by crypto/x509 only")
	}
	w := newWorld()
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := write("ca.pem", issue.PEM(w.PCKCAChain()...))
	root := write("root.pem", issue.PEM(w.Root.Certificate))
	pck := write("pck.pem", issue.PEM(w.pck.Certificate))
	signing := write("signing.pem", issue.PEM(w.TCBSigning.Certificate))
	rootCRL := write("root.crl", must(issue.CRL{Validity: validity(), Number: 1}.Sign(w.Root)))
	none := write("pck.crl", must(issue.CRL{Validity: validity(), Number: 1}.Sign(w.PCKCA)))
	revoked := write("revoked.crl", must(issue.CRL{Validity: validity(), Number: 2, Revoked: []*big.Int{w.pck.Certificate.SerialNumber}}.Sign(w.PCKCA)))
	forged := write("forged.crl", must(issue.CRL{Validity: validity()}.Sign(&issue.Entity{Certificate: w.PCKCA.Certificate, Key: w.pck.Key})))
	at := "1775000000" // in April 2026

	tests := map[string]struct {
		args []string
		want string // in what openssl prints
	}{
		"PCK":              {[]string{"verify", "-x509_strict", "-attime", at, "-CAfile", ca, pck}, "pck.pem: OK"},
		"TCB signing":      {[]string{"verify", "-x509_strict", "-attime", at, "-CAfile", root, signing}, "signing.pem: OK"},
		"PCK without CA":   {[]string{"verify", "-attime", at, "-CAfile", root, pck}, "unable to get local issuer"},
		"PCK and lists":    {[]string{"verify", "-attime", at, "-crl_check_all", "-CRLfile", rootCRL, "-CRLfile", none, "-CAfile", ca, pck}, "pck.pem: OK"},
		"PCK revoked":      {[]string{"verify", "-attime", at, "-crl_check_all", "-CRLfile", rootCRL, "-CRLfile", revoked, "-CAfile", ca, pck}, "certificate revoked"},
		"root's list":      {[]string{"crl", "-verify", "-noout", "-inform", "der", "-in", rootCRL, "-CAfile", root}, "verify OK"},
		"PCK CA's list":    {[]string{"crl", "-verify", "-noout", "-inform", "der", "-in", revoked, "-CAfile", ca}, "verify OK"},
		"list by another":  {[]string{"crl", "-verify", "-noout", "-inform", "der", "-in", forged, "-CAfile", ca}, "verify failure"},
		"list's CRLNumber": {[]string{"crl", "-crlnumber", "-noout", "-inform", "der", "-in", revoked}, "0x02"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out, _ := exec.Command(openssl, test.args...).CombinedOutput()
			if !strings.Contains(string(out), test.want) {
				t.Errorf("openssl %s:\n%s\nwant %q", strings.Join(test.args, " "), out, test.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	c := newWorld().PCKCA.Certificate
	if got, want := c.Subject.String(), "CN=Cleave Simulator SGX PCK Platform CA,O=Cleave Simulator"; got != want {
		t.Errorf("the simulator's PCK CA is %q, want %q", got, want)
	}
	seen := map[issue.Subject]bool{}
	for _, n := range []issue.Names{issue.SimulatorNames(), issue.IntelNames()} {
		for _, s := range []issue.Subject{n.Root, n.PCKCA, n.TCBSigning, n.PCK} {
			if seen[s] {
				t.Errorf("%v names two roles", s)
			}
			seen[s] = true
		}
	}
}

// What a verifier must refuse can be issued.
func TestInjection(t *testing.T) {
	w := newWorld()
	names := issue.SimulatorNames()
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	ca, leaf := issue.PCKCA(names.PCKCA, validity()), must(issue.PCK(names.PCK, validity(), platform()))

	tests := map[string]struct {
		change func() (*issue.Entity, error)
		seen   func(c *x509.Certificate) bool
	}{
		"serial": {
			func() (*issue.Entity, error) { p := leaf; p.Serial = big.NewInt(7); return p.Issue(w.PCKCA, nil) },
			func(c *x509.Certificate) bool { return c.SerialNumber.Int64() == 7 },
		},
		"no path length": {
			func() (*issue.Entity, error) { p := ca; p.PathLen = -1; return p.Issue(w.Root, nil) },
			func(c *x509.Certificate) bool { return c.IsCA && c.MaxPathLen == -1 },
		},
		"CA that is none": {
			func() (*issue.Entity, error) { p := ca; p.CA = false; return p.Issue(w.Root, nil) },
			func(c *x509.Certificate) bool { return !c.IsCA && c.KeyUsage&x509.KeyUsageCertSign != 0 },
		},
		"leaf that is a CA": {
			func() (*issue.Entity, error) { p := leaf; p.CA = true; return p.Issue(w.PCKCA, nil) },
			func(c *x509.Certificate) bool { return c.IsCA },
		},
		"no key usage": {
			func() (*issue.Entity, error) { p := ca; p.KeyUsage = 0; return p.Issue(w.Root, nil) },
			func(c *x509.Certificate) bool { return c.KeyUsage == 0 },
		},
		"odd key usage": {
			func() (*issue.Entity, error) {
				p := ca
				p.KeyUsage = x509.KeyUsageDecipherOnly | x509.KeyUsageCRLSign
				return p.Issue(w.Root, nil)
			},
			func(c *x509.Certificate) bool { return c.KeyUsage == x509.KeyUsageDecipherOnly|x509.KeyUsageCRLSign },
		},
		"no basic constraints": {
			func() (*issue.Entity, error) {
				p := ca
				p.Omit = []asn1.ObjectIdentifier{issue.OIDBasicConstraints()}
				return p.Issue(w.Root, nil)
			},
			func(c *x509.Certificate) bool { return !c.BasicConstraintsValid },
		},
		"no SGX extension": {
			func() (*issue.Entity, error) {
				p := leaf
				p.Omit = []asn1.ObjectIdentifier{issue.OIDSGX()}
				return p.Issue(w.PCKCA, nil)
			},
			func(c *x509.Certificate) bool { return extension(c, issue.OIDSGX()) == nil },
		},
		"raw SGX extension": {
			func() (*issue.Entity, error) {
				p := leaf
				p.Extensions = []pkix.Extension{{Id: issue.OIDSGX(), Value: []byte("no DER")}}
				return p.Issue(w.PCKCA, nil)
			},
			func(c *x509.Certificate) bool { return string(extension(c, issue.OIDSGX())) == "no DER" },
		},
		"unknown critical extension": {
			func() (*issue.Entity, error) {
				p := leaf
				p.Extensions = append(p.Extensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true})
				return p.Issue(w.PCKCA, nil)
			},
			func(c *x509.Certificate) bool { return len(c.UnhandledCriticalExtensions) == 1 },
		},
		"CRL point": {
			func() (*issue.Entity, error) { p := leaf; p.CRL = "https://crl.invalid/"; return p.Issue(w.PCKCA, nil) },
			func(c *x509.Certificate) bool {
				return cmp.Equal(c.CRLDistributionPoints, []string{"https://crl.invalid/"})
			},
		},
		"another curve": {
			func() (*issue.Entity, error) { return leaf.Issue(w.PCKCA, p384) },
			func(c *x509.Certificate) bool { return c.PublicKey.(*ecdsa.PublicKey).Curve == elliptic.P384() },
		},
		"another's key": {
			func() (*issue.Entity, error) {
				return leaf.Issue(&issue.Entity{Certificate: w.PCKCA.Certificate, Key: w.TCBSigning.Key}, nil)
			},
			func(c *x509.Certificate) bool {
				return c.Issuer.CommonName == names.PCKCA.CommonName && c.CheckSignatureFrom(w.PCKCA.Certificate) != nil
			},
		},
		"the same key again": {
			func() (*issue.Entity, error) { return leaf.Issue(w.PCKCA, w.pck.Key) },
			func(c *x509.Certificate) bool { return w.pck.Key.PublicKey.Equal(c.PublicKey) },
		},
		"expired": {
			func() (*issue.Entity, error) {
				p := leaf
				p.Validity = issue.Days(time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), 1)
				return p.Issue(w.PCKCA, nil)
			},
			func(c *x509.Certificate) bool { return c.NotAfter.Year() == 1999 },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := test.change()
			if err != nil {
				t.Fatal(err)
			}
			if !test.seen(e.Certificate) {
				t.Error("the certificate does not show it")
			}
			if test.seen(w.pck.Certificate) && name != "the same key again" {
				t.Error("an ordinary PCK certificate shows it too: this row tests nothing")
			}
		})
	}
}

func extension(c *x509.Certificate, id asn1.ObjectIdentifier) []byte {
	for _, e := range c.Extensions {
		if e.Id.Equal(id) {
			return e.Value
		}
	}
	return nil
}
