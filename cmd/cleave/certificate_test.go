package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net"
	"time"

	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/ratls"
)

// certificate is one an enclave makes for its own key. Change may spoil what
// is in it.
func (m *machine) certificate(change func(claims []byte, quote []byte) pkix.Extension) (*tls.Certificate, error) {
	key, err := issue.NewKey()
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	claims := ratls.Claims(spki)
	quote, err := m.quoteFor(0, ratls.ReportData(claims))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "An enclave"},
		NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour), ExtraExtensions: []pkix.Extension{change(claims, quote)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: crypto.Signer(key)}, err
}

// certificateIn has a quote for each dialect.
func (m *machine) certificateIn(dialects []ratls.Dialect) (*x509.Certificate, error) {
	key, err := issue.NewKey()
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "An enclave"},
		NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour),
	}
	for _, d := range dialects {
		data, err := d.ReportData(spki)
		if err != nil {
			return nil, err
		}
		quote, err := m.quoteFor(0, data)
		if err != nil {
			return nil, err
		}
		extension, err := d.Extension(spki, quote)
		if err != nil {
			return nil, err
		}
		template.ExtraExtensions = append(template.ExtraExtensions, extension)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func attested(claims, quote []byte) pkix.Extension { return withClaims(quote, claims) }

func withClaims(quote, claims []byte) pkix.Extension {
	return pkix.Extension{Id: ratls.OID(), Value: ratls.Encode(quote, claims)}
}

func (m *machine) writeCertificates(dir string) error {
	changed := func(claims, quote []byte) pkix.Extension {
		claims[len(claims)-1] ^= 1
		return withClaims(quote, claims)
	}
	unbound := func(claims, _ []byte) pkix.Extension {
		quote, err := m.quoteFor(0, [64]byte{0xDA, 0x7A})
		if err != nil {
			panic(err)
		}
		return withClaims(quote, claims)
	}
	sdk := func(_, quote []byte) pkix.Extension {
		return pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 840, 113741, 1, 13, 1}, Value: quote}
	}
	files := map[string][]byte{}
	for name, change := range map[string]func(claims, quote []byte) pkix.Extension{
		"good": attested, "otherkey": changed, "unbound": unbound, "sdk": sdk,
	} {
		cert, err := m.certificate(change)
		if err != nil {
			return err
		}
		leaf, err := x509.ParseCertificate(cert.Certificate[0])
		if err != nil {
			return err
		}
		files[name+".der"] = leaf.Raw
		files[name+".pem"] = append([]byte("\n"), bytes.Join([][]byte{issue.PEM(leaf), issue.PEM(m.authority.Root.Certificate)}, nil)...)
	}
	for name, dialects := range map[string][]ratls.Dialect{
		"ego": {ratls.EGo}, "oe-report": {ratls.OpenEnclaveReport}, "oe-evidence": {ratls.OpenEnclaveEvidence},
		"two": {ratls.Gramine, ratls.DICE},
	} {
		leaf, err := m.certificateIn(dialects)
		if err != nil {
			return err
		}
		files[name+".der"], files[name+".pem"] = leaf.Raw, issue.PEM(leaf)
	}
	files["cut.der"] = files["good.der"][:4000]
	files["cut.pem"] = files["good.pem"][:2000]
	return writeFiles(dir, files)
}

// listen is a server with an attested certificate, which hangs up when it has
// been shown.
func (m *machine) listen() (address string, stop func(), err error) {
	cert, err := m.certificate(attested)
	if err != nil {
		return "", nil, err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*cert}})
	if err != nil {
		return "", nil, err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go handshake(conn)
		}
	}()
	return l.Addr().String(), func() { l.Close() }, nil
}

func handshake(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	conn.Read(make([]byte, 1))
}
