package issue

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cleave-sdk/cleave/internal/sgx"
)

// SignSigStruct signs s, whose other fields are filled in, as ego sign does.
// Q1 and Q2, which only the CPU looks at, stay as they are.
func SignSigStruct(s *sgx.SigStruct, key *rsa.PrivateKey) error {
	key.N.FillBytes(s.Modulus[:])
	slices.Reverse(s.Modulus[:])
	s.Exponent = uint32(key.E)
	b := s.Append(nil)
	digest := sha256.Sum256(slices.Concat(b[:128], b[900:1028]))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		return fmt.Errorf("issue: %w", err)
	}
	slices.Reverse(signature)
	s.Signature = [384]byte(signature)
	return nil
}

// Image is an executable without code that has the sections of ego-go's build
// which a signature lies in. The one of the given name has the given SIGSTRUCT,
// or what stands in its place.
func Image(section string, sigStruct []byte) []byte {
	info := slices.Concat(make([]byte, 144), sigStruct, make([]byte, 256))
	names := "\x00" + section + "\x00.shstrtab\x00"
	const header, entry = 64, 64
	le := binary.LittleEndian
	b := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 9)...)
	b = le.AppendUint16(b, 3)  // a shared object, as PIEs are
	b = le.AppendUint16(b, 62) // x86-64
	b = le.AppendUint32(b, 1)
	b = append(b, make([]byte, 16)...)                          // no entry, no program headers
	b = le.AppendUint64(b, uint64(header+len(info)+len(names))) // section headers
	b = le.AppendUint32(b, 0)
	for _, v := range []uint16{header, 56, 0, entry, 3, 2} {
		b = le.AppendUint16(b, v)
	}
	b = append(append(b, info...), names...)
	b = append(b, make([]byte, entry)...)
	for _, s := range []struct {
		name, kind   uint32
		offset, size int
	}{{1, 1, header, len(info)}, {uint32(len(section) + 2), 3, header + len(info), len(names)}} {
		b = le.AppendUint32(b, s.name)
		b = le.AppendUint32(b, s.kind)
		b = append(b, make([]byte, 16)...)
		b = le.AppendUint64(b, uint64(s.offset))
		b = le.AppendUint64(b, uint64(s.size))
		b = append(b, make([]byte, 8)...)
		b = le.AppendUint64(b, 1) // alignment
		b = append(b, make([]byte, 8)...)
	}
	return b
}
