package enclave_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/internal/ratls"
)

// attested is a client that checks all of the evidence but the quote's
// signature.
func attested() *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true,
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
		VerifyConnection: func(s tls.ConnectionState) error {
			return checkEvidence(s.PeerCertificates[0])
		},
	}
}

func checkEvidence(cert *x509.Certificate) error {
	all, err := ratls.Read(cert)
	if err != nil {
		return err
	}
	if data := all[0].Bindings[0].Data; !bytes.Equal(all[0].Quote[reportDataAt:][:64], data[:]) {
		return errors.New("the quote is not of the key")
	}
	return cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature)
}

// serve answers every request at the address it returns, over real sockets.
func serve(t *testing.T, c *enclave.Credentials) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		TLSConfig: c.ServerTLS(),
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.ServeTLS(l, "", "")
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return l.Addr().String()
}

func TestHandshake(t *testing.T) {
	address := serve(t, credentials(t, newFake()))
	transport := &http.Transport{TLSClientConfig: attested(), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get("https://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "HTTP/2.0" {
		t.Errorf("%q, %v", body, err)
	}
}

func TestNoResumption(t *testing.T) {
	address := serve(t, credentials(t, newFake()))
	client := attested()
	client.ServerName = "enclave.example"
	for range 2 {
		conn, err := tls.Dial("tcp", address, client)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
		if _, err := io.ReadAll(conn); err != nil { // so that tickets would have come
			t.Error(err)
		}
		if conn.ConnectionState().DidResume {
			t.Error("the session was resumed")
		}
		conn.Close()
	}
}

func TestTLS12IsRefused(t *testing.T) {
	client := attested()
	client.MaxVersion = tls.VersionTLS12
	if conn, err := tls.Dial("tcp", serve(t, credentials(t, newFake())), client); err == nil {
		conn.Close()
		t.Error("accepted")
	}
}

func TestCertificate(t *testing.T) {
	c := credentials(t, newFake())
	cert, err := c.Certificate(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := checkEvidence(leaf); err != nil {
		t.Error(err)
	}
	public, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		t.Errorf("key %T", leaf.PublicKey)
	}
	if life := leaf.NotAfter.Sub(leaf.NotBefore); life != 24*time.Hour+5*time.Minute {
		t.Errorf("life %v", life)
	}
	if n := leaf.SerialNumber.BitLen(); n < 64 || n > 128 {
		t.Errorf("serial number of %d bits", n)
	}
	if leaf.IsCA || len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.URIs)+len(leaf.EmailAddresses) != 0 || len(leaf.UnhandledCriticalExtensions) != 0 {
		t.Error("it is an authority, has names, or something critical")
	}
	if leaf.Subject.String() != "CN=Cleave" {
		t.Errorf("subject %v", leaf.Subject)
	}
}

func TestConfigurationsAreApart(t *testing.T) {
	c := credentials(t, newFake())
	one := c.ServerTLS()
	one.MinVersion, one.NextProtos = tls.VersionTLS10, []string{"x"}
	if other := c.ServerTLS(); other.MinVersion != tls.VersionTLS13 || !other.SessionTicketsDisabled || other.NextProtos != nil || other.Certificates != nil {
		t.Errorf("%+v", other)
	}
}

func TestNewCredentialsFails(t *testing.T) {
	f := newFake()
	p := open(t, f)
	f.fail = errHost
	if c, err := enclave.NewCredentials(context.Background(), p); !errors.Is(err, errHost) || c != nil {
		t.Errorf("no quote: %v", err)
	}
	f.fail, f.bend = nil, func(q []byte) []byte { q[reportDataAt] ^= 1; return q }
	if c, err := enclave.NewCredentials(context.Background(), p); !errors.Is(err, enclave.ErrQuote) || c != nil {
		t.Errorf("another quote: %v", err)
	}
}

func TestZeroCredentials(t *testing.T) {
	var c enclave.Credentials
	if cert, err := c.ServerTLS().GetCertificate(new(tls.ClientHelloInfo)); err != enclave.ErrCredentials || cert != nil {
		t.Errorf("%v, %v", cert, err)
	}
	if c.Err() == nil {
		t.Error("zero credentials are healthy")
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c, err := enclave.CredentialsFor(context.Background(), open(t, newFake()), private)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := c.Certificate(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	secret, err := private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	decimal := new(big.Int).SetBytes(secret).String()
	forms := []string{
		hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)), string(secret), fmt.Sprintf("%q", secret),
		strings.Trim(fmt.Sprint(secret), "[]"), strings.Trim(fmt.Sprintf("%#v", secret), "[]byte{}"), decimal,
	}
	check := func(what, text string) {
		for _, f := range forms {
			if strings.Contains(text, f) {
				t.Errorf("%s shows the private key", what)
			}
		}
	}
	if s := fmt.Sprint(private); !strings.Contains(s, decimal) {
		t.Fatal("the key cannot be found where it is")
	}
	for _, v := range []any{c, *c, c.ServerTLS(), cert, *cert, cert.PrivateKey, []any{*c}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
			check(fmt.Sprintf("%T as %s", v, verb), fmt.Sprintf(verb, v))
		}
	}
	for _, v := range []any{c, *c, cert.PrivateKey} {
		if b, err := json.Marshal(v); err == nil {
			check("JSON", string(b))
		}
	}
	if _, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey); err == nil {
		t.Error("the private key can be marshalled")
	}
	if _, ok := cert.PrivateKey.(*ecdsa.PrivateKey); ok {
		t.Error("the certificate has the private key itself")
	}
}
