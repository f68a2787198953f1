package issue

import "crypto/x509"

// Authority is what Intel is to SGX: a root, the CA below it that signs PCK
// certificates, and the key that signs TCB info and QE identity. A test that
// needs a wrong one replaces a field.
type Authority struct {
	Root       *Entity
	PCKCA      *Entity
	TCBSigning *Entity
}

// Where certificates say that revocation lists are. Intel's own library refuses
// those that do not say, but nobody asks there: a service is configured.
const (
	rootList = "https://localhost/sgx/certification/v4/rootcacrl"
	pckList  = "https://localhost/sgx/certification/v4/pckcrl?ca=platform&encoding=der"
)

// NewAuthority issues Intel's certificates under a new root.
func NewAuthority(names Names, v Validity) (*Authority, error) {
	root, err := RootCA(names.Root, v).listedAt(rootList).Issue(nil, nil)
	if err != nil {
		return nil, err
	}
	pckCA, err := PCKCA(names.PCKCA, v).listedAt(rootList).Issue(root, nil)
	if err != nil {
		return nil, err
	}
	signing, err := TCBSigning(names.TCBSigning, v).listedAt(rootList).Issue(root, nil)
	if err != nil {
		return nil, err
	}
	return &Authority{root, pckCA, signing}, nil
}

// PCK issues the certificate of p.
func (a *Authority) PCK(s Subject, v Validity, p Platform) (*Entity, error) {
	profile, err := PCK(s, v, p)
	if err != nil {
		return nil, err
	}
	return profile.listedAt(pckList).Issue(a.PCKCA, nil)
}

func (p Profile) listedAt(url string) Profile {
	p.CRL = url
	return p
}

// PCKChain is pck and what it rests on, root last.
func (a *Authority) PCKChain(pck *Entity) []*x509.Certificate {
	return []*x509.Certificate{pck.Certificate, a.PCKCA.Certificate, a.Root.Certificate}
}

// PCKCAChain is the chain of the service's SGX-PCK-CRL-Issuer-Chain header.
func (a *Authority) PCKCAChain() []*x509.Certificate {
	return []*x509.Certificate{a.PCKCA.Certificate, a.Root.Certificate}
}

// TCBSigningChain is the chain of the service's TCB-Info-Issuer-Chain and
// SGX-Enclave-Identity-Issuer-Chain headers.
func (a *Authority) TCBSigningChain() []*x509.Certificate {
	return []*x509.Certificate{a.TCBSigning.Certificate, a.Root.Certificate}
}
