package issue_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/vectors"
)

func bodies() (body, qe sgx.ReportBody) {
	body = sgx.ReportBody{MRENCLAVE: [32]byte{1}, ProductID: 2, SVN: 3, ReportData: [64]byte{4}}
	qe = sgx.ReportBody{MRSIGNER: [32]byte{5}, ProductID: 1, SVN: 8, Attributes: sgx.Attributes{Flags: 0x15, XFRM: 0xE7}}
	return body, qe
}

func signedQuote(w world, version uint16) (*issue.Quote, *ecdsa.PrivateKey) {
	body, qe := bodies()
	key := must(issue.NewKey())
	q := issue.NewQuote(&body, &qe, w.PCKChain(w.pck)...)
	q.Version = version
	for _, err := range []error{q.BindKey(&key.PublicKey), q.SignQEReport(w.pck.Key), q.Sign(key)} {
		if err != nil {
			panic(err)
		}
	}
	return q, key
}

func TestQuoteSignatures(t *testing.T) {
	w := newWorld()
	for version, signed := range map[uint16]int{3: 432, 4: 432, 5: 438} {
		q, key := signedQuote(w, version)
		b := q.Append([]byte("prefix"))[len("prefix"):]
		p := partsOf(t, b)
		if got := signed; len(p.signed) != got {
			t.Errorf("v%d: %d bytes are signed, want %d", version, len(p.signed), got)
		}
		if !verifies(&key.PublicKey, p.signed, q.Signature) {
			t.Errorf("v%d: the quote's signature is wrong", version)
		}
		if !verifies(&w.pck.Key.PublicKey, q.QEReport, q.QEReportSignature) {
			t.Errorf("v%d: the QE report's signature is wrong", version)
		}
		hash := sha256.Sum256(append(q.AttestationKey[:], q.AuthData...))
		if want := append(hash[:], make([]byte, 32)...); !bytes.Equal(q.QEReport[320:], want) {
			t.Errorf("v%d: report data of the QE is %x, want %x", version, q.QEReport[320:], want)
		}
		p.signed[40] ^= 1
		if verifies(&key.PublicKey, p.signed, q.Signature) {
			t.Errorf("v%d: the signature does not depend on what is signed", version)
		}
	}
}

// A genuine quote taken to parts and put together again is the same bytes, and
// Intel's attestation key has signed what Sign signs.
func TestQuotesAreIntels(t *testing.T) {
	seen := map[uint16]int{}
	for _, path := range must(filepath.Glob(filepath.Join(vectors.Dir(t), "quotes", "*.bin"))) {
		b := must(os.ReadFile(path))
		p := partsOf(t, b)
		if got := p.quote.Append(nil); !bytes.Equal(got, b) {
			t.Errorf("%s: put together as\n%x\nwant\n%x", path, got, b)
		}
		key := must(ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, p.quote.AttestationKey[:]...)))
		if !verifies(key, p.signed, p.quote.Signature) {
			t.Errorf("%s: another part of it is signed", path)
		}
		seen[p.quote.Version]++
	}
	if seen[3] == 0 || seen[4] == 0 || seen[5] == 0 {
		t.Errorf("quotes by version: %v, want some of each", seen)
	}
}

func TestQuoteInjection(t *testing.T) {
	w := newWorld()
	size, short := uint32(7), uint16(9)
	tests := map[string]func(*issue.Quote){
		"version":      func(q *issue.Quote) { q.Version = 6 },
		"key type":     func(q *issue.Quote) { q.KeyType = 3 },
		"TEE":          func(q *issue.Quote) { q.TEE = 0x81 },
		"QE SVN":       func(q *issue.Quote) { q.QESVN++ },
		"PCE SVN":      func(q *issue.Quote) { q.PCESVN++ },
		"vendor":       func(q *issue.Quote) { q.Vendor[0]++ },
		"user data":    func(q *issue.Quote) { q.UserData[19] = 1 },
		"body":         func(q *issue.Quote) { q.Body = q.Body[1:] },
		"body type":    func(q *issue.Quote) { q.BodyType = 2 },
		"signature":    func(q *issue.Quote) { q.Signature = [64]byte{} },
		"key":          func(q *issue.Quote) { q.AttestationKey = [64]byte{} },
		"QE report":    func(q *issue.Quote) { q.QEReport = make([]byte, 384) },
		"QE signature": func(q *issue.Quote) { q.QEReportSignature = [64]byte{} },
		"auth data":    func(q *issue.Quote) { q.AuthData = nil },
		"cert type":    func(q *issue.Quote) { q.CertType = 3 },
		"cert data":    func(q *issue.Quote) { q.CertData = q.CertData[:len(q.CertData)-1] },
		"trailing":     func(q *issue.Quote) { q.Trailing = []byte{0} },
		"data size":    func(q *issue.Quote) { q.SignatureDataSize = &size },
		"QE data size": func(q *issue.Quote) { q.QEDataSize = &size },
		"auth size":    func(q *issue.Quote) { q.AuthDataSize = &short },
		"cert size":    func(q *issue.Quote) { q.CertDataSize = &size },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			q, _ := signedQuote(w, 5)
			before := q.Append(nil)
			changed := *q
			change(&changed)
			if bytes.Equal(changed.Append(nil), before) {
				t.Error("the quote does not show it")
			}
			if !bytes.Equal(q.Append(nil), before) {
				t.Error("a copy's change changed the original")
			}
		})
	}
}

func TestBindKeyReplacesReportData(t *testing.T) {
	q, key := signedQuote(newWorld(), 3)
	want := bytes.Clone(q.QEReport)
	for i := range 64 {
		q.QEReport[320+i] = 0xFF
	}
	if err := q.BindKey(&key.PublicKey); err != nil || !bytes.Equal(q.QEReport, want) {
		t.Errorf("report data %x, %v, want %x", q.QEReport[320:], err, want[320:])
	}
}

func TestAppendLeavesPartsAlone(t *testing.T) {
	q, _ := signedQuote(newWorld(), 3)
	buffer := make([]byte, 1000)
	copy(buffer, q.QEReport)
	want := q.Append(nil)
	q.QEReport = buffer[:384]
	if got := q.Append(nil); !bytes.Equal(got, want) || !bytes.Equal(buffer[384:], make([]byte, 616)) {
		t.Error("what follows the QE report in memory was overwritten")
	}
}

func TestOnlyP256Signs(t *testing.T) {
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	q, _ := signedQuote(newWorld(), 3)
	if q.BindKey(&p384.PublicKey) == nil || q.Sign(p384) == nil || q.SignQEReport(p384) == nil {
		t.Error("a P-384 key was cut to fit")
	}
}

type parts struct {
	quote  *issue.Quote
	signed []byte
}

// partsOf is the layout a second time, by offsets.
func partsOf(t *testing.T, b []byte) parts {
	t.Helper()
	le := binary.LittleEndian
	q := &issue.Quote{
		Version:  le.Uint16(b),
		KeyType:  le.Uint16(b[2:]),
		TEE:      le.Uint32(b[4:]),
		QESVN:    le.Uint16(b[8:]),
		PCESVN:   le.Uint16(b[10:]),
		Vendor:   [16]byte(b[12:]),
		UserData: [20]byte(b[28:]),
	}
	start, end := 48, 432
	switch {
	case q.Version == 5:
		q.BodyType = le.Uint16(b[48:])
		start, end = 54, 54+int(le.Uint32(b[50:]))
	case q.TEE != 0:
		end = 48 + 584
	}
	q.Body = b[start:end]
	size := int(le.Uint32(b[end:]))
	s := b[end+4 : end+4+size]
	q.Trailing = b[end+4+size:]
	q.Signature, q.AttestationKey = [64]byte(s), [64]byte(s[64:])
	s = s[128:]
	if q.Version > 3 {
		s = s[6:]
	}
	q.QEReport, q.QEReportSignature = s[:384], [64]byte(s[384:])
	auth := int(le.Uint16(s[448:]))
	q.AuthData, s = s[450:450+auth], s[450+auth:]
	q.CertType = le.Uint16(s)
	q.CertData = s[6:]
	return parts{q, b[:end]}
}

func verifies(key *ecdsa.PublicKey, message []byte, signature [64]byte) bool {
	digest := sha256.Sum256(message)
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	return ecdsa.Verify(key, digest[:], r, s)
}
