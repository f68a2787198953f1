package attest

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// Collateral is what Intel publishes about one kind of platform, as received.
// It must not be changed once it is in use.
type Collateral struct {
	TCBInfo         []byte // JSON with its signature
	TCBInfoChain    []byte // PEM
	QEIdentity      []byte // JSON with its signature
	QEIdentityChain []byte // PEM
	RootCRL         []byte // DER, PEM or hexadecimal
	PCKCRL          []byte // DER, PEM or hexadecimal
}

// maxCollateralSize bounds one document. Intel's have up to 40 kilobytes.
const maxCollateralSize = 1 << 20

// parts are the documents, in the order of the fields.
func (c *Collateral) parts() [6]*[]byte {
	return [6]*[]byte{&c.TCBInfo, &c.TCBInfoChain, &c.QEIdentity, &c.QEIdentityChain, &c.RootCRL, &c.PCKCRL}
}

// TEE is a kind of trusted execution environment.
type TEE uint32

// What collateral can be about. SGX is the zero TEE.
const (
	SGX TEE = 0           // enclaves
	TDX TEE = dcap.TEETDX // trust domains
)

// String returns SGX, TDX or a number.
func (t TEE) String() string {
	switch t {
	case SGX:
		return "SGX"
	case TDX:
		return "TDX"
	}
	return fmt.Sprintf("TEE(%#x)", uint32(t))
}

// Subject is the kind of platform that collateral is about.
type Subject struct {
	FMSPC [6]byte
	CA    string // who issued its PCK certificate: "platform" or "processor"
	TEE   TEE    // of which evidence is judged; each has its own collateral
}

// SubjectOf returns what must be asked for to verify a quote, bare or behind an
// Open Enclave header. The quote is not verified.
func SubjectOf(quote []byte) (Subject, error) {
	q, err := parse(quote)
	if err != nil {
		return Subject{}, err
	}
	pck, err := q.PCK()
	if err != nil {
		return Subject{}, refused(err)
	}
	return Subject{FMSPC: pck.Platform.FMSPC, CA: pck.Issuer(), TEE: TEE(q.TEE)}, nil
}

// String returns the likes of "SGX 00906ed50000, platform CA".
func (s Subject) String() string {
	return fmt.Sprintf("%v %s, %.20s CA", s.TEE, hex.EncodeToString(s.FMSPC[:]), s.CA)
}

// unusable is an error about collateral that says itself what to do.
func unusable(format string, args ...any) error {
	return &failure{kind: ErrCollateral, text: fmt.Sprintf(format, args...)}
}

// A Source has collateral. It need not be trusted: what it returns is signed,
// and verified like the evidence itself. It can withhold newer collateral as
// long as the older has not expired. It should end when the context does.
type Source interface {
	Collateral(context.Context, Subject) (*Collateral, error)
}

// Collateral returns c, whatever the subject: a Collateral is a Source.
func (c *Collateral) Collateral(context.Context, Subject) (*Collateral, error) { return c, nil }
