package attest

import "context"

// Collateral is what Intel publishes about one kind of platform, as received.
// It must not be changed once it is in use.
type Collateral struct {
	TCBInfo         []byte `json:"tcbInfo"`         // JSON with its signature
	TCBInfoChain    []byte `json:"tcbInfoChain"`    // PEM
	QEIdentity      []byte `json:"qeIdentity"`      // JSON with its signature
	QEIdentityChain []byte `json:"qeIdentityChain"` // PEM
	RootCRL         []byte `json:"rootCRL"`         // DER, PEM or hexadecimal
	PCKCRL          []byte `json:"pckCRL"`          // DER, PEM or hexadecimal
}

// Subject is the kind of platform that collateral is about.
type Subject struct {
	FMSPC [6]byte
	CA    string // who issued its PCK certificate: "platform" or "processor"
}

// A Source has collateral. It need not be trusted: what it returns is signed,
// and verified like the evidence itself. It can withhold newer collateral as
// long as the older has not expired.
type Source interface {
	Collateral(context.Context, Subject) (*Collateral, error)
}

// Collateral returns c, whatever the subject: a Collateral is a Source.
func (c *Collateral) Collateral(context.Context, Subject) (*Collateral, error) { return c, nil }
