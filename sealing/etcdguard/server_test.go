package etcdguard_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// authority signs the certificates of an etcd and of who may use it.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{}
	a.key, a.cert = a.sign(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// sign makes a key and a certificate for it, signed by itself if a is not yet
// anything.
func (a *authority) sign(t testing.TB, template *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: "test"}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

func (a *authority) leaf(t testing.TB) (*ecdsa.PrivateKey, *x509.Certificate) {
	return a.sign(t, &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// client is the configuration of one whom the authority vouches for.
func (a *authority) client(t testing.TB) *tls.Config {
	key, cert := a.leaf(t)
	return &tls.Config{
		RootCAs:      a.pool(),
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}},
	}
}

// server is an etcd of one member, which only clients of its authority may use.
type server struct {
	authority *authority
	dir       string
	url       string
	etcd      *embed.Etcd
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{authority: newAuthority(t), dir: t.TempDir(), url: "https://" + freeAddress(t)}
	key, cert := s.authority.leaf(t)
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "key.pem", "EC PRIVATE KEY", der)
	s.write(t, "cert.pem", "CERTIFICATE", cert.Raw)
	s.write(t, "ca.pem", "CERTIFICATE", s.authority.cert.Raw)
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (s *server) write(t testing.TB, name, kind string, der []byte) {
	t.Helper()
	b := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(filepath.Join(s.dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *server) start(t testing.TB) {
	t.Helper()
	c := embed.NewConfig()
	c.Dir = filepath.Join(s.dir, "data")
	c.LogLevel = "panic"
	c.LogOutputs = []string{filepath.Join(s.dir, "log")}
	c.ClientTLSInfo.CertFile = filepath.Join(s.dir, "cert.pem")
	c.ClientTLSInfo.KeyFile = filepath.Join(s.dir, "key.pem")
	c.ClientTLSInfo.TrustedCAFile = filepath.Join(s.dir, "ca.pem")
	c.ClientTLSInfo.ClientCertAuth = true
	c.ListenClientUrls = parse(t, s.url)
	c.AdvertiseClientUrls = c.ListenClientUrls
	c.ListenPeerUrls = parse(t, "http://"+freeAddress(t))
	c.AdvertisePeerUrls = c.ListenPeerUrls
	c.InitialCluster = fmt.Sprintf("%s=%s", c.Name, c.ListenPeerUrls[0].String())
	etcd, err := embed.StartEtcd(c)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-etcd.Server.ReadyNotify():
	case <-time.After(time.Minute):
		t.Fatal("etcd does not become ready")
	}
	s.etcd = etcd
}

func (s *server) stop() {
	if s.etcd != nil {
		s.etcd.Close()
		s.etcd = nil
	}
}

func parse(t testing.TB, s string) []url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return []url.URL{*u}
}
