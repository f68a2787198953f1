package attest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cleave-sdk/cleave/internal/ratls"
)

// Dialect is one form of evidence in certificates, with the one rule by which
// its quote speaks for the certificate's key. The zero Dialect is none.
type Dialect ratls.Dialect

// The dialects, and who writes them. Where two share an extension, each is
// accepted only by its own rule and only where it is named.
const (
	// DICE is the form of TCG DICE and the Confidential Computing Consortium:
	// Cleave's own, and that of Gramine 1.8, the Intel SGX SDK 2.22, rats-tls
	// and librats.
	DICE = Dialect(ratls.DICE)
	// EGo is that of EGo's attested TLS.
	EGo = Dialect(ratls.EGo)
	// OpenEnclaveReport is the older form of Open Enclave, also that of Azure
	// Attestation, and EGo's "Open Enclave format".
	OpenEnclaveReport = Dialect(ratls.OpenEnclaveReport)
	// OpenEnclaveEvidence is the newer form of Open Enclave.
	OpenEnclaveEvidence = Dialect(ratls.OpenEnclaveEvidence)
	// Gramine is the form of Gramine before 1.8.
	Gramine = Dialect(ratls.Gramine)
	// RATSTLS is the form of Intel's first RA-TLS and of early rats-tls, with RSA
	// keys. Such certificates are signed with SHA-1, which is accepted in this
	// dialect alone.
	RATSTLS = Dialect(ratls.RATSTLS)
)

// String names the dialect for people.
func (d Dialect) String() string { return ratls.Dialect(d).String() }

// MarshalText returns the dialect's name in a word: dice, ego, oe-report,
// oe-evidence, gramine or rats-tls. It fails for the zero Dialect.
func (d Dialect) MarshalText() ([]byte, error) {
	key := ratls.Dialect(d).Key()
	if key == "" {
		return nil, fmt.Errorf("attest: no dialect has the number %d", uint8(d))
	}
	return []byte(key), nil
}

// UnmarshalText reads what MarshalText writes.
func (d *Dialect) UnmarshalText(text []byte) error {
	var keys []string
	for _, known := range ratls.Dialects() {
		if known.Key() == string(text) {
			*d = Dialect(known)
			return nil
		}
		keys = append(keys, known.Key())
	}
	return fmt.Errorf("attest: %.40q is not a dialect: %s", text, strings.Join(keys, ", "))
}

// AllDialects returns every dialect, for tools that look at certificates of any
// kind. Verifiers name those they expect.
func AllDialects() (all []Dialect) {
	for _, d := range ratls.Dialects() {
		all = append(all, Dialect(d))
	}
	return all
}

// dialects are those that the verifier accepts.
func (v *Verifier) dialects() []Dialect {
	if v.Dialects == nil {
		return []Dialect{DICE}
	}
	return v.Dialects
}

func (v *Verifier) accepts(b ratls.Binding) bool {
	return slices.Contains(v.dialects(), Dialect(b.Dialect))
}

// named lists dialects for an error.
func named(list []Dialect) string {
	if len(list) == 0 {
		return "none at all"
	}
	var names []string
	for _, d := range list {
		names = append(names, d.String())
	}
	return strings.Join(names, ", ")
}
