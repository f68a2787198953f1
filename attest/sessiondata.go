package attest

import (
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"hash"
)

const (
	// sessionTag separates these quotes from those for an application's purpose
	// and from those that bind certificates.
	sessionTag = "cleave session-bound quote v1\x00"
	// exporterLabel is for the secret that only the two ends of a connection
	// have in common. Its version is that of the quotes.
	exporterLabel = "EXPORTER-Cleave-session-bound-v1"
	exporterSize  = 32
)

// A binding is what a quote is made for: one end of one connection, in answer
// to one nonce. All of it is known to both ends from the connection itself, but
// for the nonce, which is the verifier's own.
type binding struct {
	prover   role
	own      []byte // public keys in the TLS certificates, DER
	peer     []byte // empty if the client has shown none
	nonce    [nonceSize]byte
	exporter [exporterSize]byte
}

// reportData is the SHA-512 of everything, each part either of a fixed size or
// behind its length.
func (b *binding) reportData() [64]byte {
	h := sha512.New()
	h.Write([]byte(sessionTag))
	h.Write([]byte{byte(b.prover)})
	writeCounted(h, b.own)
	writeCounted(h, b.peer)
	h.Write(b.nonce[:])
	h.Write(b.exporter[:])
	return [64]byte(h.Sum(nil))
}

func writeCounted(h hash.Hash, b []byte) {
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(b))))
	h.Write(b)
}

// exporter is only to be had of a full handshake that is over: crypto/tls
// panics before, and at a state that it has not made itself.
func exporter(state *tls.ConnectionState) (e [exporterSize]byte, err error) {
	switch {
	case !state.HandshakeComplete:
		return e, fail(ErrUnsupported, "the handshake is not over")
	case state.Version != tls.VersionTLS13 || state.DidResume || state.CipherSuite == 0:
		return e, fail(ErrUnsupported, "%s needs a full handshake of TLS 1.3", sessionProtocol)
	}
	defer func() {
		if recover() != nil {
			err = fail(ErrUnsupported, "the state is not one that crypto/tls has made; pass on that of the connection")
		}
	}()
	b, err := state.ExportKeyingMaterial(exporterLabel, nil, exporterSize)
	if err != nil {
		return e, because(ErrUnsupported, err)
	}
	return [exporterSize]byte(b), nil
}
