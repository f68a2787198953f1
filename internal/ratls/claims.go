package ratls

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
)

const (
	keyHash       = "pubkey-hash"
	maxClaims     = 16
	maxClaimsSize = 4 << 10
)

const (
	errClaims  = unbound("ratls: claims are not a CBOR map of at most 16 texts to byte strings, each text once, in 4 KiB")
	errNoKey   = unbound(`ratls: claims have no "pubkey-hash"; the evidence says nothing of the key`)
	errKeyHash = unbound(`ratls: "pubkey-hash" is not an algorithm (SHA-256, SHA-384 or SHA-512) and a hash of its length`)
	errKey     = unbound("ratls: the evidence is for another key than the certificate's")
)

// claim is one entry of the map, value as received.
type claim struct {
	name  string
	value []byte
}

// Claims is the map that names one public key: SHA-256 of spki, the whole DER
// of its SubjectPublicKeyInfo.
func Claims(spki []byte) []byte {
	sum := sha256.Sum256(spki)
	hash := appendHead(nil, majorArray, 2)
	hash = appendHead(hash, majorUint, hashSHA256)
	hash = appendBytes(hash, sum[:])
	return appendClaims(nil, []claim{{keyHash, hash}})
}

// ReportData is what the report data of a quote must equal, all 64 bytes of
// it, for the quote to speak for claims.
func ReportData(claims []byte) [64]byte {
	return hashed(claims)
}

// CheckClaims returns nil only if claims, the received bytes, name the public
// key spki, the received DER of a SubjectPublicKeyInfo. Claims of other names
// are ignored.
func CheckClaims(claims, spki []byte) error {
	all, err := parseClaims(claims)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.name == keyHash {
			return checkKeyHash(c.value, spki)
		}
	}
	return errNoKey
}

func checkKeyHash(value, spki []byte) error {
	var algorithm uint64
	var got []byte
	s := cbor(value)
	if !s.exactly(majorArray, 2) || !s.head(majorUint, &algorithm) || !s.bytes(&got) || !s.empty() {
		return errKeyHash
	}
	want := sum(algorithm, spki)
	if want == nil || len(got) != len(want) {
		return errKeyHash
	}
	if !bytes.Equal(got, want) {
		return errKey
	}
	return nil
}

// Hash algorithms by their number in IANA's Named Information registry.
const (
	hashSHA256 = 1
	hashSHA384 = 7
	hashSHA512 = 8
)

// sum is nil for an algorithm that is not supported. The registry's others
// are truncated or never seen in evidence.
func sum(algorithm uint64, b []byte) []byte {
	switch algorithm {
	case hashSHA256:
		h := sha256.Sum256(b)
		return h[:]
	case hashSHA384:
		h := sha512.Sum384(b)
		return h[:]
	case hashSHA512:
		h := sha512.Sum512(b)
		return h[:]
	}
	return nil
}

func parseClaims(b []byte) ([]claim, error) {
	var n uint64
	s := cbor(b)
	if len(b) > maxClaimsSize || !s.head(majorMap, &n) || n > maxClaims {
		return nil, errClaims
	}
	all := make([]claim, 0, n)
	for range n {
		var c claim
		if !s.text(&c.name) || !s.bytes(&c.value) || named(all, c.name) {
			return nil, errClaims
		}
		all = append(all, c)
	}
	if !s.empty() {
		return nil, errClaims
	}
	return all, nil
}

func named(all []claim, name string) bool {
	for _, c := range all {
		if c.name == name {
			return true
		}
	}
	return false
}

func appendClaims(b []byte, all []claim) []byte {
	b = appendHead(b, majorMap, uint64(len(all)))
	for _, c := range all {
		b = appendBytes(appendText(b, c.name), c.value)
	}
	return b
}
