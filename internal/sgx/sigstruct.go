package sgx

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/big"
	"slices"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

// SigStruct is the signature an enclave is launched with (SIGSTRUCT, 1808
// bytes). Big integers are little-endian, as in memory.
type SigStruct struct {
	Vendor            uint32 // 0, or 0x8086 for Intel's own enclaves
	Date              uint32 // BCD yyyymmdd
	SWDefined         uint32
	Modulus           [384]byte
	Exponent          uint32 // 3
	Signature         [384]byte
	MiscSelect        uint32
	MiscMask          uint32
	CETAttributes     uint8
	CETAttributesMask uint8
	FamilyID          [16]byte
	Attributes        Attributes
	AttributeMask     Attributes
	MRENCLAVE         [32]byte
	ExtProductID      [16]byte
	ProductID         uint16
	SVN               uint16
	Q1, Q2            [384]byte
}

var (
	sigStructHeader  = [16]byte{0: 6, 4: 0xE1, 10: 1}
	sigStructHeader2 = [16]byte{0: 1, 1: 1, 4: 0x60, 8: 0x60, 12: 1}

	errSigStruct = errors.New("sgx: not a SIGSTRUCT of 1808 bytes with its fixed headers and zero reserved fields")
	errSignature = errors.New("sgx: the SIGSTRUCT's signature is not by its own key")
	errSigner    = errors.New("sgx: an enclave is signed with an RSA-3072 key of exponent 3")
)

// ParseSigStruct parses exactly 1808 bytes. The signature is not checked: see
// [SigStruct.Verify].
func ParseSigStruct(b []byte) (*SigStruct, error) {
	var c SigStruct
	var header, header2 [16]byte
	s := lebyte.String(b)
	if !s.Copy(header[:]) || header != sigStructHeader ||
		!s.Uint32(&c.Vendor) ||
		!s.Uint32(&c.Date) ||
		!s.Copy(header2[:]) || header2 != sigStructHeader2 ||
		!s.Uint32(&c.SWDefined) ||
		!s.Zero(84) ||
		!s.Copy(c.Modulus[:]) ||
		!s.Uint32(&c.Exponent) ||
		!s.Copy(c.Signature[:]) ||
		!c.readBody(&s) ||
		!s.Zero(12) ||
		!s.Copy(c.Q1[:]) ||
		!s.Copy(c.Q2[:]) ||
		!s.Empty() {
		return nil, errSigStruct
	}
	return &c, nil
}

// readBody reads the second signed part, bytes 900 to 1028.
func (c *SigStruct) readBody(s *lebyte.String) bool {
	return s.Uint32(&c.MiscSelect) &&
		s.Uint32(&c.MiscMask) &&
		s.Uint8(&c.CETAttributes) &&
		s.Uint8(&c.CETAttributesMask) &&
		s.Zero(2) &&
		s.Copy(c.FamilyID[:]) &&
		c.Attributes.Read(s) &&
		c.AttributeMask.Read(s) &&
		s.Copy(c.MRENCLAVE[:]) &&
		s.Zero(16) &&
		s.Copy(c.ExtProductID[:]) &&
		s.Uint16(&c.ProductID) &&
		s.Uint16(&c.SVN)
}

// Append appends the 1808 bytes of c to b.
func (c *SigStruct) Append(b []byte) []byte {
	b = c.appendHead(b)
	b = append(b, c.Modulus[:]...)
	b = binary.LittleEndian.AppendUint32(b, c.Exponent)
	b = append(b, c.Signature[:]...)
	b = c.appendBody(b)
	b = append(b, make([]byte, 12)...)
	b = append(b, c.Q1[:]...)
	return append(b, c.Q2[:]...)
}

func (c *SigStruct) appendHead(b []byte) []byte {
	b = append(b, sigStructHeader[:]...)
	b = binary.LittleEndian.AppendUint32(b, c.Vendor)
	b = binary.LittleEndian.AppendUint32(b, c.Date)
	b = append(b, sigStructHeader2[:]...)
	b = binary.LittleEndian.AppendUint32(b, c.SWDefined)
	return append(b, make([]byte, 84)...)
}

func (c *SigStruct) appendBody(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, c.MiscSelect)
	b = binary.LittleEndian.AppendUint32(b, c.MiscMask)
	b = append(b, c.CETAttributes, c.CETAttributesMask, 0, 0)
	b = append(b, c.FamilyID[:]...)
	b = c.Attributes.Append(b)
	b = c.AttributeMask.Append(b)
	b = append(b, c.MRENCLAVE[:]...)
	b = append(b, make([]byte, 16)...)
	b = append(b, c.ExtProductID[:]...)
	b = binary.LittleEndian.AppendUint16(b, c.ProductID)
	return binary.LittleEndian.AppendUint16(b, c.SVN)
}

// MRSIGNER is the identity of the key c was signed with.
func (c *SigStruct) MRSIGNER() [32]byte { return sha256.Sum256(c.Modulus[:]) }

// Verify checks the signature by the key in c itself. It says nothing of
// whose key that is.
func (c *SigStruct) Verify() error {
	key := &rsa.PublicKey{N: fromLittleEndian(c.Modulus[:]), E: int(c.Exponent)}
	if _, err := MRSIGNER(key); err != nil {
		return err
	}
	signature := slices.Clone(c.Signature[:])
	slices.Reverse(signature)
	digest := sha256.Sum256(c.appendBody(c.appendHead(nil)))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) != nil {
		return errSignature
	}
	return nil
}

// MRSIGNER is the identity of enclaves signed with key: SHA-256 of its modulus
// in little-endian order. Only RSA-3072 with exponent 3 can sign enclaves.
func MRSIGNER(key *rsa.PublicKey) ([32]byte, error) {
	if key.N.BitLen() != 3072 || key.E != 3 {
		return [32]byte{}, errSigner
	}
	modulus := key.N.FillBytes(make([]byte, 384))
	slices.Reverse(modulus)
	return sha256.Sum256(modulus), nil
}

func fromLittleEndian(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}
