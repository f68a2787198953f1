package ratls

import (
	"encoding/asn1"
	"errors"

	"github.com/cleave-sdk/cleave/internal/oe"
)

var errReport = errors.New("ratls: evidence is not an Open Enclave report of a quote (1020 bytes to 16 KiB)")

// ego is the form of EGo's attested TLS: an Open Enclave report, and
//
//	report data = SHA-256(DER of the public key), 32 zero bytes
//
// of which EGo's own client checks the first half.
type ego struct{}

func (ego) name() (string, string) { return "EGo", "ego" }

func (ego) oids() []asn1.ObjectIdentifier {
	return []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 311, 105, 1}}
}

func (ego) reportData(spki []byte) ([64]byte, error) { return hashed(spki), nil }

func (ego) encode(_, quote []byte) []byte { return oe.Report(quote, true) }

func (ego) decode(value, spki []byte) (quote []byte, data [64]byte, err error) {
	quote, err = decodeReport(value)
	if err != nil {
		return nil, data, err
	}
	return quote, hashed(spki), nil
}

func (ego) frame() Frame { return Frame{MaxLife: undatedLife, Undated: undatedLife} }

// undatedLife is that of EGo's certificates, in either form: EGo leaves the first
// date out, which makes it that of the year 1, and sets the last to a year from
// now. The clocks may differ by a day.
const undatedLife = year + day

func decodeReport(value []byte) (quote []byte, err error) {
	kind, quote, err := oe.ParseReport(value)
	if err != nil || kind != oe.Remote || !fits(quote) {
		return nil, errReport
	}
	return quote, nil
}
