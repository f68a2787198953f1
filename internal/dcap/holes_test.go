package dcap_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// TestHoles has what other verifiers were found to let through, by what they
// forgot. What is a policy's to refuse is in package attest.
func TestHoles(t *testing.T) {
	number := big.NewInt(0x5EC0DE)
	rows{
		// CVE-2026-22696: the QE identity was fetched, and that was all.
		"QE identity not signed": {handed(func(e *evidence) {
			e.collateral.QEIdentity = []byte(put("isvprodid", "9")(string(e.collateral.QEIdentity)))
		}), unusable("ENCLAVE_IDENTITY_INVALID_SIGNATURE", "")},
		"QE identity signed by a stranger": {func(s *scene) {
			s.certified = func(p *people) {
				p.qeSigning = &issue.Entity{Certificate: p.signing.Certificate, Key: must(issue.NewKey())(t)}
			}
		}, unusable("ENCLAVE_IDENTITY_INVALID_SIGNATURE", "")},
		"QE identity missing":               {handed(func(e *evidence) { e.collateral.QEIdentity = nil }), unusable("ENCLAVE_IDENTITY_UNSUPPORTED_FORMAT", "")},
		"QE not compared with its identity": {report(func(r *sgx.ReportBody) { r.MRSIGNER = sha256.Sum256([]byte("anybody")) }), forged("QE_IDENTITY_MISMATCH", "by one of signer")},
		"QE of any product":                 {report(func(r *sgx.ReportBody) { r.ProductID = 0 }), forged("QE_IDENTITY_MISMATCH", "product id 0")},
		"QE in debug mode":                  {both(debug, qe(put("attributesMask", `"F9FFFFFFFFFFFFFF0000000000000000"`))), forged("QE_IDENTITY_MISMATCH", "debug")},
		"QE vendor unchecked":               {signed(func(q *issue.Quote) { q.Vendor[0] ^= 1 }), unsupported("not Intel")},
		"TDX module's identity ignored":     {both(inTD, domain(func(td *issue.TD) { td.MRSIGNERSEAM[0] = 1 })), forged("TDX_MODULE_MISMATCH", "")},
		"comparison ends with the shorter":  {tcb(components(func(c []string) []string { return c[:15] })), unusable("TCB_INFO_INVALID", "")},
		"last component not compared":       {func(s *scene) { s.platform.Components[15]-- }, forged("TCB_NOT_SUPPORTED", "")},
		"no level found, and nobody minds":  {func(s *scene) { s.platform.PCESVN = 0 }, forged("TCB_NOT_SUPPORTED", "")},
		"PCK CRL ignored":                   {func(s *scene) { s.pckProfile.Serial, s.pckCRL.Revoked = number, []*big.Int{number} }, forged("PCK_REVOKED", "")},
		"root CRL ignored":                  {func(s *scene) { s.caProfile.Serial, s.rootCRL.Revoked = number, []*big.Int{number} }, forged("INTERMEDIATE_CA_REVOKED", "")},
		"signer's revocation ignored":       {func(s *scene) { s.signingProfile.Serial, s.rootCRL.Revoked = number, []*big.Int{number} }, unusable("TCB_SIGNING_CERT_REVOKED", "")},
		"PCK CRL optional":                  {handed(func(e *evidence) { e.collateral.PCKCRL = nil }), unusable("SGX_CRL_UNSUPPORTED_FORMAT", "PCK")},
		"root CRL optional":                 {handed(func(e *evidence) { e.collateral.RootCRL = nil }), unusable("SGX_CRL_UNSUPPORTED_FORMAT", "root CA")},
		"CRL's signature not verified":      {among(func(p *people) { p.crlCA = &issue.Entity{Certificate: p.ca.Certificate, Key: p.pck.Key} }), unusable("CRL_INVALID_SIGNATURE", "PCK")},
		"root CRL's signature not verified": {among(func(p *people) { p.crlRoot = &issue.Entity{Certificate: p.root.Certificate, Key: p.pck.Key} }), unusable("CRL_INVALID_SIGNATURE", "root CA")},
		"CRL of another issuer":             {func(s *scene) { s.pckCRL.Issuer = must(issue.SimulatorNames().Root.DER())(t) }, unusable("CRL_UNKNOWN_ISSUER", "PCK")},
		"CRL expired":                       {func(s *scene) { s.pckCRL.Validity.Until = noon.Add(-time.Second) }, unusable("CRL_EXPIRED", "PCK")},
		"root CRL expired":                  {func(s *scene) { s.rootCRL.Validity.Until = noon.Add(-time.Second) }, unusable("CRL_EXPIRED", "root CA")},
		"CRL from the future":               {func(s *scene) { s.pckCRL.Validity.From = noon.Add(time.Second) }, unusable("CRL_EXPIRED", "PCK")},
		"certificate expired":               {func(s *scene) { s.pckProfile.Validity.Until = noon.Add(-time.Second) }, forged(expired, "")},
		"notBefore the wrong way round":     {func(s *scene) { s.pckProfile.Validity.From = noon.Add(time.Second) }, forged(expired, "")},
		"TCB info of its owner, not Intel": {among(func(p *people) {
			p.signing = &issue.Entity{Certificate: p.signing.Certificate, Key: must(issue.NewKey())(t)}
		}), unusable("TCB_INFO_INVALID_SIGNATURE", "")},
		"TCB info from the future":           {tcb(put("issueDate", `"2026-03-01T12:00:01Z"`)), unusable("TCB_INFO_EXPIRED", "")},
		"TCB info expired":                   {tcb(put("nextUpdate", `"2026-03-01T11:59:59Z"`)), unusable("TCB_INFO_EXPIRED", "")},
		"TCB info of another platform":       {tcb(put("fmspc", `"00906ED5ABCE"`)), unusable("TCB_INFO_MISMATCH", "")},
		"key in a document twice":            {tcb(before("tcbStatus", `"tcbStatus":"Revoked"`)), unusable("TCB_INFO_UNSUPPORTED_FORMAT", "")},
		"PCK chain missing":                  {certs(func([]byte) []byte { return nil }), forged("SGX_ROOT_CA_MISSING", "")},
		"PCK chain of one":                   {certs(func(b []byte) []byte { return blocks(b)[0] }), forged("SGX_ROOT_CA_MISSING", "")},
		"attestation key not bound":          {signed(func(q *issue.Quote) { q.QEReport[320] ^= 1 }), forged("INVALID_QE_REPORT_DATA", "")},
		"any root of the same name":          {handed(func(e *evidence) { e.root = newScene().play(t).root }), forged(untrusted, "another root")},
		"leaf used as a CA":                  {among(leafAsCA(t)), forged("PCK_CERT_CHAIN_UNTRUSTED", "")},
		"trailing bytes":                     {after(func(q *issue.Quote) { q.Trailing = []byte("anything") }), malformed("something follows")},
		"authentication data of 0xFFFF":      {after(func(q *issue.Quote) { n := uint16(0xFFFF); q.AuthDataSize = &n }), malformed("length it declares")},
		"certificates of 4 GiB":              {after(func(q *issue.Quote) { n := ^uint32(0); q.CertDataSize = &n }), malformed("length it declares")},
		"signature data of 4 GiB":            {after(func(q *issue.Quote) { n := ^uint32(0); q.SignatureDataSize = &n }), malformed("length it declares")},
		"version 5 with certificates of 60K": {both(version(5), certs(func(b []byte) []byte { return append(bytes.Repeat([]byte("A"), 60<<10), b...) })), malformed("list of PEM")},
	}.refused(t)
}

// leafAsCA has another PCK sign the PCK.
func leafAsCA(t *testing.T) func(*people) {
	return func(p *people) {
		profile := issue.TCBSigning(issue.SimulatorNames().PCKCA, lifetime)
		profile.Extensions = p.pck.Certificate.Extensions[:0]
		p.ca = must(profile.Issue(p.root, nil))(t)
		resign(t, p.pck, p.ca, p.ca.Key)
	}
}

// TestHoleVerifiedFlag is for memories: a "verified" flag was found by key
// identifiers, which a stranger's certificates may leave empty.
func TestHoleVerifiedFlag(t *testing.T) {
	withoutIDs := func(s *scene) {
		authority := []asn1.ObjectIdentifier{issue.OIDAuthorityKeyID()}
		s.rootProfile.Omit, s.caProfile.Omit, s.pckProfile.Omit = authority, authority, append(authority, issue.OIDSubjectKeyID())
		s.pckProfile.Serial, s.caProfile.Serial, s.rootProfile.Serial = big.NewInt(1), big.NewInt(1), big.NewInt(1)
	}
	genuine, stranger := newScene(), newScene()
	withoutIDs(genuine)
	withoutIDs(stranger)
	e, forgery := genuine.play(t), stranger.play(t)
	documents := must(dcap.ParseCollateral(e.collateral))(t)
	var m dcap.Memory
	_, err := e.remembering(&m, documents)
	check(t, err)
	forgery.root = e.root
	_, err = forgery.remembering(&m, documents)
	forged(untrusted, "another root").check(t, err)

	// The same with the genuine root's certificate at the end of it.
	chain := blocks(forgery.quote[certificatesAt:])
	forgery.quote = withChain(forgery.quote, bytes.Join([][]byte{chain[0], chain[1], blocks(e.quote[certificatesAt:])[2]}, nil))
	_, err = forgery.remembering(&m, documents)
	forged("INTERMEDIATE_CA_INVALID_ISSUER", "").check(t, err)
}

// TestHoleRevokedQE: a revoked quoting enclave ended the verification early,
// with success.
func TestHoleRevokedQE(t *testing.T) {
	revoked := func(s *scene) { s.qeIdentity.Levels[0].Status = "Revoked" }
	s := newScene()
	revoked(s)
	v, err := s.play(t).verify()
	if err != nil || v.TCB.Status != dcap.Revoked {
		t.Errorf("%+v, %v", v, err)
	}
	rows{
		"and the rest is skipped": {both(revoked, after(func(q *issue.Quote) { q.Body[64]++ })), forged("INVALID_QUOTE_SIGNATURE", "")},
		"and no level is reached": {both(revoked, func(s *scene) { s.platform.PCESVN = 0 }), forged("TCB_NOT_SUPPORTED", "")},
	}.refused(t)
}

// TestHoleRecursion nests DER as deep as it goes, wherever DER is read.
func TestHoleRecursion(t *testing.T) {
	nested := func(tag byte) []byte {
		var b []byte
		for len(b) < 20<<10 {
			b = append(der(tag, len(b)), b...)
			if len(b) > 9<<10 {
				break
			}
		}
		return b
	}
	for _, tag := range []byte{0x30, 0x31, 0xA0} {
		deep := nested(tag)
		rows{
			"SGX extension": {func(s *scene) { s.extension = deep }, forged("INVALID_PCK_CERT", "")},
			"certificate":   {certs(func([]byte) []byte { return pemBlock(deep) }), malformed("")},
			"CRL":           {handed(func(e *evidence) { e.collateral.PCKCRL = deep }), unusable("SGX_CRL_UNSUPPORTED_FORMAT", "")},
		}.refused(t)
	}
}

// der is the head of an element around n bytes.
func der(tag byte, n int) []byte {
	if n < 0x80 {
		return []byte{tag, byte(n)}
	}
	return binary.BigEndian.AppendUint16([]byte{tag, 0x82}, uint16(n))
}

// TestHoleRelay gives a machine's certificates to a quote of another's.
func TestHoleRelay(t *testing.T) {
	e, stranger := newScene().play(t), newScene().play(t)
	e.quote = withChain(stranger.quote, e.quote[certificatesAt:])
	_, err := e.verify()
	forged("INVALID_QE_REPORT_SIGNATURE", "").check(t, err)
}

// TestConcatenatedPEM is as two genuine quotes are: encoding/pem would see one
// certificate of three.
func TestConcatenatedPEM(t *testing.T) {
	e := newScene().play(t)
	chain := slices.Concat(blocks(e.quote[certificatesAt:])...)
	joined := bytes.ReplaceAll(chain, []byte("-----\n-----"), []byte("----------"))
	if len(blocks(joined)) == 3 {
		t.Error("encoding/pem reads it: this test is of nothing")
	}
	e.quote = withChain(e.quote, joined)
	if _, err := e.verify(); err != nil {
		t.Error(err)
	}
}

// TestBase64 has bits set that encode nothing, so that there would be two ways
// to write the same certificate.
func TestBase64(t *testing.T) {
	for range 50 { // until a certificate's length leaves some
		e := newScene().play(t)
		at := bytes.Index(e.quote[certificatesAt:], []byte("=\n-----END"))
		if at < 0 {
			continue
		}
		digit := &e.quote[certificatesAt+bytes.IndexByte(e.quote[certificatesAt:], '=')-1]
		*digit++ // from A, Q, g, w or every fourth
		_, err := e.verify()
		malformed("list of PEM").check(t, err)
		return
	}
	t.Error("no certificate with padding")
}

func TestCRLExtensions(t *testing.T) {
	for name, l := range lists() {
		says := "the " + name + " revocation list lacks"
		rows{
			"CRL_INVALID_EXTENSIONS: no number":     {l.issued(func(c *issue.CRL) { c.Omit = []asn1.ObjectIdentifier{issue.OIDCRLNumber()} }), unusable("CRL_INVALID_EXTENSIONS", says)},
			"CRL_INVALID_EXTENSIONS: no identifier": {l.issued(func(c *issue.CRL) { c.Omit = []asn1.ObjectIdentifier{issue.OIDAuthorityKeyID()} }), unusable("CRL_INVALID_EXTENSIONS", says)},
		}.refused(t)
	}
}

// TestPlatformFacts are what only certificates of scalable platforms say.
func TestPlatformFacts(t *testing.T) {
	yes, no := dcap.Fact{Known: true, Value: true}, dcap.Fact{Known: true}
	tests := map[string]struct {
		platform             func(*issue.Platform)
		dynamic, cached, smt dcap.Fact
		instance             [16]byte
	}{
		"standard": {func(p *issue.Platform) { p.Type, p.SMT = issue.Standard, true }, dcap.Fact{}, dcap.Fact{}, dcap.Fact{}, [16]byte{}},
		"none":     {func(p *issue.Platform) { p.Type = issue.Scalable }, no, no, no, [16]byte{}},
		"dynamic":  {func(p *issue.Platform) { p.Type, p.Dynamic, p.InstanceID = issue.Scalable, true, [16]byte{1, 15: 2} }, yes, no, no, [16]byte{1, 15: 2}},
		"cached":   {func(p *issue.Platform) { p.Type, p.CachedKeys = issue.Scalable, true }, no, yes, no, [16]byte{}},
		"SMT":      {func(p *issue.Platform) { p.Type, p.SMT = issue.ScalableWithIntegrity, true }, no, no, yes, [16]byte{}},
	}
	for name, test := range tests {
		s := newScene()
		test.platform(&s.platform)
		v, err := s.play(t).verify()
		check(t, err)
		p := v.Platform
		if p.Dynamic != test.dynamic || p.CachedKeys != test.cached || p.SMT != test.smt || p.InstanceID != test.instance || p.SGXType != int(s.platform.Type) {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// TestNotGenuine judges what the genuine data has of the other kind.
func TestNotGenuine(t *testing.T) {
	all := notGenuine(t)
	sets := collateralSets(t)
	refused := 0
	for name, quote := range all {
		for _, x := range sets {
			e := evidence{quote: quote, collateral: genuineCollateral(t, x.Collateral), root: dcap.IntelRoot(), now: time.Unix(x.Unix, 0)}
			v, err := e.verify()
			var refusal *dcap.Error
			if v != nil || !errors.As(err, &refusal) {
				t.Errorf("%s: %+v, %v", name, v, err)
			}
			refused++
		}
	}
	t.Logf("%d quotes that are not genuine refused %d times", len(all), refused)
}
