package etcdguard_test

import (
	"crypto/tls"
	"crypto/x509"
	"log"

	"github.com/cleave-sdk/cleave/sealing"
	"github.com/cleave-sdk/cleave/sealing/etcdguard"
)

// In earnest a //go:embed, so that it is measured with the program.
var etcdRoot []byte

func Example() {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(etcdRoot) {
		log.Fatal("no root certificate")
	}
	var own tls.Certificate // given to the enclave over an attested connection
	guard, err := etcdguard.New(etcdguard.Config{
		Endpoints: []string{"https://etcd-0.example.org:2379", "https://etcd-1.example.org:2379", "https://etcd-2.example.org:2379"},
		TLS:       &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer guard.Close()
	var platform sealing.Keys // what enclave.Open returns
	file := &sealing.File{
		Path:   "/data/database.key",
		Name:   "database key",
		Sealer: sealing.New(platform, sealing.ToSigner),
		Guard:  guard,
	}
	_ = file
}
