package issue_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/vectors"
)

// The same certificate for the same key and issuer is, to the byte, what Intel
// has signed.
func TestCertificatesAreIntels(t *testing.T) {
	chains := genuineChains(t)
	if len(chains) == 0 {
		t.Fatal("no genuine chains")
	}
	for name, chain := range chains {
		for i, genuine := range chain {
			authority := chain[min(i+1, len(chain)-1)]
			if got := reissued(t, genuine, authority); !bytes.Equal(got, genuine.RawTBSCertificate) {
				t.Errorf("%s: %s: got\n%x\nwant\n%x", name, genuine.Subject.CommonName, got, genuine.RawTBSCertificate)
			}
		}
	}
}

// reissued is what would be signed, with the key's place taken by genuine's.
func reissued(t *testing.T, genuine, authority *x509.Certificate) []byte {
	t.Helper()
	e, err := profileOf(t, genuine).Issue(&issue.Entity{Certificate: authority, Key: must(issue.NewKey())}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := e.Certificate
	tbs := bytes.Replace(c.RawTBSCertificate, c.RawSubjectPublicKeyInfo, genuine.RawSubjectPublicKeyInfo, 1)
	return bytes.Replace(tbs, c.SubjectKeyId, genuine.SubjectKeyId, 1)
}

func profileOf(t *testing.T, c *x509.Certificate) (p issue.Profile) {
	names := issue.IntelNames()
	v := issue.Validity{From: c.NotBefore, Until: c.NotAfter}
	switch c.Subject.CommonName {
	case "Intel SGX Root CA":
		p = issue.RootCA(names.Root, v)
	case "Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA":
		names.PCKCA.CommonName = c.Subject.CommonName
		p = issue.PCKCA(names.PCKCA, v)
	case "Intel SGX TCB Signing":
		p = issue.TCBSigning(names.TCBSigning, v)
	default:
		p = must(issue.PCK(names.PCK, v, platformOf(t, extension(c, issue.OIDSGX()))))
	}
	p.CRL = c.CRLDistributionPoints[0]
	p.Serial = c.SerialNumber
	return p
}

func genuineChains(t *testing.T) map[string][]*x509.Certificate {
	t.Helper()
	chains := map[string][]*x509.Certificate{}
	add := func(name string, b []byte) {
		start := bytes.Index(b, []byte("-----BEGIN CERTIFICATE-----"))
		if start < 0 {
			return
		}
		var chain []*x509.Certificate
		for block, rest := pem.Decode(b[start:]); block != nil; block, rest = pem.Decode(rest) {
			chain = append(chain, must(x509.ParseCertificate(block.Bytes)))
		}
		if len(chain) == 3 && chain[2].Subject.CommonName != "Intel SGX Root CA" {
			return // one quote has another order
		}
		chains[name] = chain
	}
	dir := vectors.Dir(t)
	for _, pattern := range []string{"quotes/*.bin", "collateral/*/tcb_signing_chain.pem"} {
		for _, path := range must(filepath.Glob(filepath.Join(dir, pattern))) {
			add(path, must(os.ReadFile(path)))
		}
	}
	return chains
}

// platformOf reads what Extension writes, by the reflection of encoding/asn1
// and so with no line in common.
func platformOf(t *testing.T, der []byte) (p issue.Platform) {
	t.Helper()
	type field struct {
		ID    asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	fields := func(der []byte) (f []field) {
		if rest, err := asn1.Unmarshal(der, &f); err != nil || len(rest) != 0 {
			t.Fatalf("not a sequence of fields: %v, %d bytes left", err, len(rest))
		}
		return f
	}
	number := func(f field) int { return int(new(big.Int).SetBytes(f.Value.Bytes).Int64()) }
	for _, f := range fields(der) {
		switch f.ID[len(f.ID)-1] {
		case 1:
			copy(p.PPID[:], f.Value.Bytes)
		case 2:
			tcb := fields(f.Value.FullBytes)
			for i := range 16 {
				p.Components[i] = uint8(number(tcb[i]))
			}
			p.PCESVN = uint16(number(tcb[16]))
			copy(p.CPUSVN[:], tcb[17].Value.Bytes)
		case 3:
			copy(p.PCEID[:], f.Value.Bytes)
		case 4:
			copy(p.FMSPC[:], f.Value.Bytes)
		case 5:
			p.Type = issue.SGXType(number(f))
		case 6:
			copy(p.InstanceID[:], f.Value.Bytes)
		case 7:
			c := fields(f.Value.FullBytes)
			p.Dynamic, p.CachedKeys, p.SMT = number(c[0]) != 0, number(c[1]) != 0, number(c[2]) != 0
		}
	}
	return p
}

func TestSGXExtension(t *testing.T) {
	standard, scalable := platform(), platform()
	standard.Type, standard.InstanceID, standard.Dynamic = issue.Standard, [16]byte{}, false
	scalable.Type = issue.ScalableWithIntegrity
	for name, p := range map[string]issue.Platform{"zero": {}, "standard": standard, "scalable": scalable} {
		e := must(p.Extension())
		if got := platformOf(t, e.Value); got != p {
			t.Errorf("%s: %+v reads back as %+v", name, p, got)
		}
		if hasInstance := bytes.Contains(e.Value, []byte{0x0D, 0x01, 0x06}); hasInstance != (p.Type != issue.Standard) {
			t.Errorf("%s: instance written: %v", name, hasInstance)
		}
	}
}

func TestCRLsAreIntels(t *testing.T) {
	key := must(issue.NewKey())
	for _, file := range []string{"root_ca_crl.der", "pck_crl.der"} {
		for _, path := range must(filepath.Glob(filepath.Join(vectors.Dir(t), "collateral", "*", file))) {
			genuine := must(x509.ParseRevocationList(must(os.ReadFile(path))))
			list := issue.CRL{
				Validity: issue.Validity{From: genuine.ThisUpdate, Until: genuine.NextUpdate},
				Number:   genuine.Number.Int64(),
				Issuer:   genuine.RawIssuer,
			}
			for _, entry := range genuine.RevokedCertificateEntries {
				list.Revoked = append(list.Revoked, entry.SerialNumber)
			}
			by := &issue.Entity{Certificate: &x509.Certificate{SubjectKeyId: genuine.AuthorityKeyId}, Key: key}
			got := must(x509.ParseRevocationList(must(list.Sign(by))))
			if !bytes.Equal(got.RawTBSRevocationList, genuine.RawTBSRevocationList) {
				t.Errorf("%s: got\n%x\nwant\n%x", path, got.RawTBSRevocationList, genuine.RawTBSRevocationList)
			}
		}
	}
}

func TestCRLInjection(t *testing.T) {
	w := newWorld()
	base := issue.CRL{Validity: validity(), Number: 1}
	tests := map[string]func(*issue.CRL){
		"issuer":    func(c *issue.CRL) { c.Issuer = w.Root.Certificate.RawSubject },
		"no key id": func(c *issue.CRL) { c.Omit = []asn1.ObjectIdentifier{issue.OIDAuthorityKeyID()} },
		"no number": func(c *issue.CRL) { c.Omit = []asn1.ObjectIdentifier{issue.OIDCRLNumber()} },
		"number":    func(c *issue.CRL) { c.Number = 9 },
		"revoked":   func(c *issue.CRL) { c.Revoked = []*big.Int{big.NewInt(5)} },
		"expired":   func(c *issue.CRL) { c.Validity.Until = c.Validity.From },
		"key id": func(c *issue.CRL) {
			c.Extensions = []pkix.Extension{{Id: issue.OIDAuthorityKeyID(), Value: []byte{0x30, 0}}}
		},
		"no extension": func(c *issue.CRL) { c.Omit = []asn1.ObjectIdentifier{issue.OIDAuthorityKeyID(), issue.OIDCRLNumber()} },
	}
	plain := must(x509.ParseRevocationList(must(base.Sign(w.PCKCA))))
	if err := plain.CheckSignatureFrom(w.PCKCA.Certificate); err != nil {
		t.Error(err)
	}
	if err := plain.CheckSignatureFrom(w.Root.Certificate); err == nil {
		t.Error("the list verifies under another's key too")
	}
	for name, change := range tests {
		list := base
		change(&list)
		got, err := x509.ParseRevocationList(must(list.Sign(w.PCKCA)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if bytes.Equal(got.RawTBSRevocationList, plain.RawTBSRevocationList) {
			t.Errorf("%s: the list does not show it", name)
		}
	}
}

// Intel's documents, read into the types and written again, are the same bytes.
func TestDocumentsAreIntels(t *testing.T) {
	read := 0
	for _, path := range must(filepath.Glob(filepath.Join(vectors.Dir(t), "collateral", "*", "*.json"))) {
		var document map[string]json.RawMessage
		b := must(os.ReadFile(path))
		switch filepath.Base(path) {
		case "tcb_info.json":
			if bytes.Contains(b, []byte(`"version":2,`)) {
				continue // written with SignDocument, if at all
			}
			document = must(rewritten(b, "tcbInfo", &issue.TCBInfo{}))
		case "qe_identity.json":
			document = must(rewritten(b, "enclaveIdentity", &issue.QEIdentity{}))
		default:
			continue
		}
		read++
		if !bytes.Equal(document["got"], document["want"]) {
			t.Errorf("%s: got\n%s\nwant\n%s", path, document["got"], document["want"])
		}
	}
	if read == 0 {
		t.Error("no genuine documents")
	}
}

func rewritten(document []byte, member string, v interface{ Body() ([]byte, error) }) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, err
	}
	want := members[member]
	if err := json.Unmarshal(want, v); err != nil {
		return nil, err
	}
	got, err := v.Body()
	return map[string]json.RawMessage{"got": got, "want": want}, err
}

func TestDocumentsAreWrappedAsIntels(t *testing.T) {
	key := &issue.Entity{Key: must(issue.NewKey())}
	for _, path := range must(filepath.Glob(filepath.Join(vectors.Dir(t), "collateral", "*", "tcb_info.json"))) {
		genuine := string(must(os.ReadFile(path)))
		const tail = `,"signature":"`
		i := strings.LastIndex(genuine, tail)
		got := string(must(issue.SignDocument(key, "tcbInfo", []byte(genuine[len(`{"tcbInfo":`):i]))))
		if len(got) != len(genuine) || got[:i+len(tail)] != genuine[:i+len(tail)] || got[len(got)-2:] != genuine[len(genuine)-2:] {
			t.Errorf("%s: wrapped in another way", path)
		}
	}
}
