package ert

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// What is read here has been verified before: only what the verifier does not
// tell is looked up again.

// level is the place of the first level of the TCB info that the platform
// reaches, of so many. Open Enclave has no claim for it; it is Edgeless RT's,
// for EGo to find the advisories.
func (e *endorsements) level(p *dcap.Platform) (index, levels int, ok bool) {
	var document struct {
		TCBInfo struct {
			Levels []tcbLevel `json:"tcbLevels"`
		} `json:"tcbInfo"`
	}
	if json.Unmarshal([]byte(e.tcbInfo), &document) != nil {
		return 0, 0, false
	}
	all := document.TCBInfo.Levels
	index = slices.IndexFunc(all, func(l tcbLevel) bool { return l.reachedBy(p) })
	return index, len(all), index >= 0
}

type tcbLevel struct {
	TCB struct {
		Components []struct {
			SVN uint8 `json:"svn"`
		} `json:"sgxtcbcomponents"`
		PCESVN uint16 `json:"pcesvn"`
	} `json:"tcb"`
}

func (l *tcbLevel) reachedBy(p *dcap.Platform) bool {
	for i, c := range l.TCB.Components {
		if i >= len(p.Components) || p.Components[i] < c.SVN {
			return false
		}
	}
	return p.PCESVN >= l.TCB.PCESVN
}

// span is a time in which something is valid. The zero span is always.
type span struct{ from, until time.Time }

func (s *span) narrow(from, until time.Time) {
	if from.After(s.from) {
		s.from = from
	}
	if s.until.IsZero() || until.Before(s.until) {
		s.until = until
	}
}

// validity is when certificates and revocation lists are all valid, and the QE
// identity has been issued. As for Open Enclave, it does not end with the TCB
// info or the QE identity.
func (e *endorsements) validity(pck *dcap.PCKChain) (s span, err error) {
	for _, c := range []*x509.Certificate{pck.Root, pck.CA, pck.Leaf} {
		s.narrow(c.NotBefore, c.NotAfter)
	}
	for _, chain := range []string{e.tcbInfoChain, e.qeIdentityChain} {
		signer, err := firstCertificate(chain)
		if err != nil {
			return span{}, err
		}
		s.narrow(signer.NotBefore, signer.NotAfter)
	}
	for _, list := range []string{e.pckCRL, e.rootCRL} {
		crl, err := parseCRL(list)
		if err != nil {
			return span{}, err
		}
		s.narrow(crl.ThisUpdate, crl.NextUpdate)
	}
	issued, err := e.qeIdentityIssued()
	s.narrow(issued, s.until)
	return s, err
}

func firstCertificate(chain string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(chain))
	if block == nil {
		return nil, errors.New("no certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

func parseCRL(text string) (*x509.RevocationList, error) {
	der, err := hex.DecodeString(text)
	if err != nil {
		return nil, err
	}
	return x509.ParseRevocationList(der)
}

func (e *endorsements) qeIdentityIssued() (time.Time, error) {
	var document struct {
		Identity struct {
			IssueDate time.Time `json:"issueDate"`
		} `json:"enclaveIdentity"`
	}
	err := json.Unmarshal([]byte(e.qeIdentity), &document)
	return document.Identity.IssueDate, err
}
