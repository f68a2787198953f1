package dcap

import "crypto/x509"

// Root returns the public key of the root that the TCB info's signing chain
// ends in, as a SubjectPublicKeyInfo. Nothing about it has been verified.
func (d *Documents) Root() []byte { return d.tcb.signer.certs[1].RawSubjectPublicKeyInfo }

// PCKListSignedBy verifies that issuer, itself verified, signed the list of PCK
// certificates.
func (d *Documents) PCKListSignedBy(issuer *x509.Certificate) error { return d.pckCRL.prove(issuer) }

// SignedUnder verifies that the TCB info, the QE identity and the root's
// revocation list are signed by authorities of this root, whenever that was,
// and whether or not they have been revoked since. Who signed the list of PCK
// certificates cannot be known without one of those.
func (d *Documents) SignedUnder(root []byte) error {
	if err := d.proveSigners(root); err != nil {
		return err
	}
	if err := d.rootCRL.prove(d.tcb.signer.certs[1]); err != nil {
		return err
	}
	if err := d.tcb.prove(); err != nil {
		return err
	}
	return d.qe.prove()
}
