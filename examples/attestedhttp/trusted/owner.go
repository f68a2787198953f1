package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
)

// owner is SHA-256 of the owner's public key, in its PKIX form.
type owner [sha256.Size]byte

var errOwner = errors.New(`env "OWNER" of enclave.json: write what the client's "owner" command prints, 64 hexadecimal digits, and sign again`)

func parseOwner(s string) (o owner, err error) {
	if len(s) != hex.EncodedLen(len(o)) {
		return o, errOwner
	}
	if _, err := hex.Decode(o[:], []byte(s)); err != nil {
		return o, errOwner
	}
	return o, nil
}

// made reports whether the owner's key is the one that the handshake has
// proved its client to have. Who signed the certificate does not matter.
func (o owner) made(r *http.Request) bool {
	return r.TLS != nil && len(r.TLS.PeerCertificates) > 0 &&
		sha256.Sum256(r.TLS.PeerCertificates[0].RawSubjectPublicKeyInfo) == o
}
