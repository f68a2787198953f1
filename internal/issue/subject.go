package issue

import (
	"crypto/x509/pkix"
	"encoding/asn1"
)

// Subject is the name of a certificate. Empty parts are left out. It is
// encoded as Intel does: in the order of the fields, UTF-8, the country
// printable.
type Subject struct {
	CommonName   string
	Organization string
	Locality     string
	Province     string
	Country      string
}

// Names are the subjects of an authority's certificates.
type Names struct {
	Root       Subject
	PCKCA      Subject // signs PCK certificates
	TCBSigning Subject // signs TCB info and QE identity
	PCK        Subject
}

// IntelNames are those of Intel's own certificates for server platforms. Only
// a test of the verifier has a use for them: nobody believes a name.
func IntelNames() Names {
	intel := func(name string) Subject {
		return Subject{name, "Intel Corporation", "Santa Clara", "CA", "US"}
	}
	return Names{
		Root:       intel("Intel SGX Root CA"),
		PCKCA:      intel("Intel SGX PCK Platform CA"),
		TCBSigning: intel("Intel SGX TCB Signing"),
		PCK:        intel("Intel SGX PCK Certificate"),
	}
}

// SimulatorNames say what they are to whoever reads a certificate, and end as
// Intel's do.
func SimulatorNames() Names {
	simulator := func(role string) Subject {
		return Subject{CommonName: "Cleave Simulator SGX " + role, Organization: "Cleave Simulator"}
	}
	return Names{
		Root:       simulator("Root CA"),
		PCKCA:      simulator("PCK Platform CA"),
		TCBSigning: simulator("TCB Signing"),
		PCK:        simulator("PCK Certificate"),
	}
}

// DER is s as certificates and revocation lists carry it.
func (s Subject) DER() ([]byte, error) {
	var name pkix.RDNSequence
	add := func(attribute, tag int, value string) {
		if value != "" {
			name = append(name, pkix.RelativeDistinguishedNameSET{{
				Type:  asn1.ObjectIdentifier{2, 5, 4, attribute},
				Value: asn1.RawValue{Tag: tag, Bytes: []byte(value)},
			}})
		}
	}
	add(3, asn1.TagUTF8String, s.CommonName)
	add(10, asn1.TagUTF8String, s.Organization)
	add(7, asn1.TagUTF8String, s.Locality)
	add(8, asn1.TagUTF8String, s.Province)
	add(6, asn1.TagPrintableString, s.Country)
	return asn1.Marshal(name)
}
