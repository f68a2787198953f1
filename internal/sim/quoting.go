package sim

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"

	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// ErrReport is that of Quote for a report which was not made for the machine's
// quoting enclave, or not on this machine, or was changed since.
var ErrReport = errors.New("sim: quote: the report is not for this machine's quoting enclave")

// The quoting enclave's product and security version, as in Intel's
// current QE identity.
const (
	quotingProduct = 1
	quotingSVN     = 8
)

// intelSigner is the MRSIGNER of Intel's quoting enclaves, which QE identity
// names. In a simulator nobody stops the host from claiming it.
var intelSigner = [32]byte{
	0x8C, 0x4F, 0x57, 0x75, 0xD7, 0x96, 0x50, 0x3E, 0x96, 0x13, 0x7F, 0x77, 0xC6, 0x8A, 0x82, 0x9A,
	0x00, 0x56, 0xAC, 0x8D, 0xED, 0x70, 0x14, 0x0B, 0x08, 0x1B, 0x09, 0x44, 0x90, 0xC5, 0x7B, 0xFF,
}

// quoting is the quoting enclave: itself, its attestation key, and a quote of
// nothing in which all is done that does not depend on what is quoted.
type quoting struct {
	enclave  *Enclave
	key      *ecdsa.PrivateKey
	template issue.Quote
}

func (m *Machine) startQuoting(key *ecdsa.PrivateKey, id [16]byte) error {
	qe := m.Enclave(Identity{
		MRENCLAVE: sha256.Sum256([]byte("cleave simulator: quoting enclave")),
		MRSIGNER:  intelSigner,
		ProductID: quotingProduct,
		SVN:       quotingSVN,
	})
	qe.body.Attributes.Flags |= sgx.FlagProvisionKey
	q := issue.NewQuote(&sgx.ReportBody{}, &qe.body, m.cpu.authority.PCKChain(m.cpu.pck)...)
	q.PCESVN = m.cpu.platform.PCESVN
	copy(q.UserData[:], id[:])
	if err := q.BindKey(&key.PublicKey); err != nil {
		return err
	}
	if err := q.SignQEReport(m.cpu.pck.Key); err != nil {
		return err
	}
	m.cpu.quoting = quoting{qe, key, *q}
	return nil
}

// QuotingEnclave is the target of reports that Quote accepts.
func (m *Machine) QuotingEnclave() sgx.TargetInfo {
	return m.cpu.quoting.enclave.body.Target()
}

// QuotingReport is the quoting enclave's own report: what it says to an enclave
// on the machine.
func (m *Machine) QuotingReport(target sgx.TargetInfo, data [64]byte) sgx.Report {
	return m.cpu.quoting.enclave.Report(target, data)
}

// Quote turns a report made for the quoting enclave into a quote of version 3
// with its certificates. Another report is refused with [ErrReport].
func (m *Machine) Quote(r sgx.Report) ([]byte, error) {
	qe := &m.cpu.quoting
	if !qe.enclave.VerifyReport(r) {
		return nil, ErrReport
	}
	q := qe.template
	q.Body = r.Body.Append(nil)
	if err := q.Sign(qe.key); err != nil {
		return nil, err
	}
	return q.Append(nil), nil
}
