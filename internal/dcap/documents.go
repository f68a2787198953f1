package dcap

import (
	"bytes"
	"time"
)

// Collateral is what Intel publishes about a family of platforms, as received.
type Collateral struct {
	TCBInfo         []byte // JSON with its signature
	TCBInfoChain    []byte // PEM
	QEIdentity      []byte // JSON with its signature
	QEIdentityChain []byte // PEM
	RootCRL         []byte // DER, PEM or hexadecimal
	PCKCRL          []byte // DER, PEM or hexadecimal
}

// Documents is parsed collateral. None of it is verified, and it is not
// changed by use: several goroutines may use one, and so may several roots.
type Documents struct {
	tcb, qe         document
	rootCRL, pckCRL *crl
}

// ParseCollateral parses collateral as far as that can be done before its
// signatures are verified.
func ParseCollateral(c Collateral) (*Documents, error) {
	var d Documents
	var err error
	if d.tcb, err = parseTCBDocument(c.TCBInfo); err != nil {
		return nil, err
	}
	if d.qe, err = parseQEDocument(c.QEIdentity); err != nil {
		return nil, err
	}
	if d.tcb.signer, err = parseSigner(d.tcb.what, c.TCBInfoChain); err != nil {
		return nil, err
	}
	if bytes.Equal(c.QEIdentityChain, c.TCBInfoChain) {
		d.qe.signer = d.tcb.signer.of(d.qe.what)
	} else if d.qe.signer, err = parseSigner(d.qe.what, c.QEIdentityChain); err != nil {
		return nil, err
	}
	if d.rootCRL, err = parseCRL("root CA", c.RootCRL); err != nil {
		return nil, err
	}
	if d.pckCRL, err = parseCRL("PCK", c.PCKCRL); err != nil {
		return nil, err
	}
	return &d, nil
}

// proven is what the documents say, once their signatures vouch for it.
type proven struct {
	*Documents
	tcbInfo    *tcbInfo
	qeIdentity *qeIdentity
}

// prove verifies everything about the documents that time does not change:
// that they, and the revocation lists, are by the authorities of a chain that
// has itself been proven.
func (d *Documents) prove(pck *PCKChain) (*proven, error) {
	if err := d.rootCRL.prove(pck.Root); err != nil {
		return nil, err
	}
	if err := d.pckCRL.prove(pck.CA); err != nil {
		return nil, err
	}
	if err := d.proveSigners(pck.Root.RawSubjectPublicKeyInfo); err != nil {
		return nil, err
	}
	if err := d.tcb.prove(); err != nil {
		return nil, err
	}
	if err := d.qe.prove(); err != nil {
		return nil, err
	}
	tcbInfo, err := d.tcb.tcbInfo()
	if err != nil {
		return nil, err
	}
	qeIdentity, err := d.qe.qeIdentity()
	if err != nil {
		return nil, err
	}
	return &proven{d, tcbInfo, qeIdentity}, nil
}

// proveSigners verifies one chain only, where both documents have the same.
func (d *Documents) proveSigners(root []byte) error {
	for _, s := range []*path{d.tcb.signer, d.qe.signer} {
		if s == d.qe.signer && s.same(d.tcb.signer) {
			continue
		}
		if err := s.prove(root); err != nil {
			return err
		}
		if err := d.rootCRL.by(s.certs[1]); err != nil {
			return err
		}
	}
	return nil
}

// check verifies what time changes.
func (p *proven) check(a anchor) error {
	if err := p.tcb.check(a, p.rootCRL, p.tcbInfo.validity); err != nil {
		return err
	}
	return p.qe.check(a, p.rootCRL, p.qeIdentity.validity)
}

func (p *proven) notAfter() time.Time {
	return earliest(p.tcbInfo.NextUpdate, p.qeIdentity.NextUpdate, p.rootCRL.NextUpdate, p.pckCRL.NextUpdate,
		p.tcb.signer.notAfter(), p.qe.signer.notAfter())
}
