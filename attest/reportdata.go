package attest

import (
	"crypto/sha512"
	"encoding/binary"
)

// reportDataTag separates the quotes an application asks for from those that
// bind a certificate's key, which are 32 bytes of hash and 32 zeros.
const reportDataTag = "cleave application quote v1\x00"

// ReportData returns the 64 bytes that a quote made for an application's
// purpose carries: the SHA-512 of a tag, the purpose behind its length, and
// data. An enclave asks for such a quote by its platform's Quote method; who
// verifies it passes the same purpose and data here.
//
// The purpose names the protocol and the message within it, such as
// "example.org/enrol v1". Data should hold a nonce of the verifier's where
// freshness matters.
func ReportData(purpose string, data []byte) [64]byte {
	h := sha512.New()
	h.Write([]byte(reportDataTag))
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(purpose))))
	h.Write([]byte(purpose))
	h.Write(data)
	return [64]byte(h.Sum(nil))
}
