package sim

import (
	"crypto/aes"
	"encoding/binary"
	"errors"

	"github.com/cleave-sdk/cleave/internal/sgx"
)

// The ways in which EGETKEY refuses a request, of which ErrInvalidRequest is a
// fault on hardware.
var (
	ErrInvalidKeyName   = errors.New("sim: EGETKEY: there is no key of that name")
	ErrInvalidAttribute = errors.New("sim: EGETKEY: the enclave's attributes do not allow it that key")
	ErrInvalidCPUSVN    = errors.New("sim: EGETKEY: the CPUSVN asked for is beyond the processor's")
	ErrInvalidSVN       = errors.New("sim: EGETKEY: the ISVSVN asked for is above the enclave's")
	ErrInvalidRequest   = errors.New("sim: EGETKEY: the policy has bits that need KSS or CET, or reserved ones")
)

// Key is EGETKEY for an application: the enclave's SEAL and REPORT keys.
func (e *Enclave) Key(req sgx.KeyRequest) ([16]byte, error) {
	switch {
	case req.Policy&^(sgx.PolicyMRENCLAVE|sgx.PolicyMRSIGNER) != 0, req.CETMask != 0:
		return [16]byte{}, ErrInvalidRequest
	case req.Name == sgx.KeySeal:
		return e.sealKey(req)
	case req.Name == sgx.KeyReport:
		return e.machine.cpu.reportKey(e.body.Target(), req.KeyID), nil
	case req.Name < sgx.KeyReport:
		return [16]byte{}, ErrInvalidAttribute
	}
	return [16]byte{}, ErrInvalidKeyName
}

func (e *Enclave) sealKey(req sgx.KeyRequest) ([16]byte, error) {
	if beyond(req.CPUSVN, e.machine.cpu.platform.CPUSVN) {
		return [16]byte{}, ErrInvalidCPUSVN
	}
	if req.SVN > e.body.SVN {
		return [16]byte{}, ErrInvalidSVN
	}
	return e.machine.cpu.derive(e.sealDependencies(req)), nil
}

// beyond compares component by component: a CPUSVN is no number.
func beyond(svn, current [16]byte) bool {
	for i := range svn {
		if svn[i] > current[i] {
			return true
		}
	}
	return false
}

func (e *Enclave) sealDependencies(req sgx.KeyRequest) dependencies {
	// Whatever the mask, no debug enclave has a key of a production enclave's.
	mask := req.AttributeMask
	mask.Flags |= sgx.FlagInit | sgx.FlagDebug
	d := dependencies{
		name:          sgx.KeySeal,
		productID:     e.body.ProductID,
		svn:           req.SVN,
		cpuSVN:        req.CPUSVN,
		attributes:    e.body.Attributes.And(mask),
		attributeMask: req.AttributeMask,
		miscSelect:    e.body.MiscSelect & req.MiscMask,
		miscMask:      ^req.MiscMask,
		policy:        req.Policy,
		keyID:         req.KeyID,
	}
	if req.Policy&sgx.PolicyMRENCLAVE != 0 {
		d.mrenclave = e.body.MRENCLAVE
	}
	if req.Policy&sgx.PolicyMRSIGNER != 0 {
		d.mrsigner = e.body.MRSIGNER
	}
	return d
}

// reportKey is the key with which reports for the target are signed. The
// target gets it from EGETKEY, the reporting enclave never sees it.
func (c *cpu) reportKey(target sgx.TargetInfo, keyID [32]byte) [16]byte {
	return c.derive(dependencies{
		name:          sgx.KeyReport,
		cpuSVN:        c.platform.CPUSVN,
		attributes:    target.Attributes,
		miscSelect:    target.MiscSelect,
		mrenclave:     target.MRENCLAVE,
		keyID:         keyID,
		configID:      target.ConfigID,
		configSVN:     target.ConfigSVN,
		cetAttributes: target.CETAttributes,
	})
}

// dependencies are all that a key can depend on (Key Dependencies in the
// manual's account of EGETKEY). What a kind of key does not depend on is zero.
type dependencies struct {
	name          sgx.KeyName
	productID     uint16
	svn           uint16
	cpuSVN        [16]byte
	attributes    sgx.Attributes
	attributeMask sgx.Attributes
	miscSelect    uint32
	miscMask      uint32
	policy        uint16
	keyID         [32]byte
	mrenclave     [32]byte
	mrsigner      [32]byte
	configID      [64]byte
	configSVN     uint16
	cetAttributes uint8
}

// derive depends on every bit of d and of the owner epoch. Its encoding is for
// ever, since sealed data hangs on it: a field may be added only after the
// others, and only where its zero value adds nothing.
func (c *cpu) derive(d dependencies) [16]byte {
	b := make([]byte, 0, 256)
	b = binary.LittleEndian.AppendUint16(b, uint16(d.name))
	b = binary.LittleEndian.AppendUint16(b, d.productID)
	b = binary.LittleEndian.AppendUint16(b, d.svn)
	b = append(b, c.ownerEpoch[:]...)
	b = append(b, d.cpuSVN[:]...)
	b = d.attributes.Append(b)
	b = d.attributeMask.Append(b)
	b = binary.LittleEndian.AppendUint32(b, d.miscSelect)
	b = binary.LittleEndian.AppendUint32(b, d.miscMask)
	b = binary.LittleEndian.AppendUint16(b, d.policy)
	b = append(b, d.keyID[:]...)
	b = append(b, d.mrenclave[:]...)
	b = append(b, d.mrsigner[:]...)
	b = append(b, d.configID[:]...)
	b = binary.LittleEndian.AppendUint16(b, d.configSVN)
	b = append(b, d.cetAttributes)
	block, err := aes.NewCipher(c.fuses[:])
	if err != nil {
		panic(err) // unreachable: 16 bytes are a key
	}
	return sgx.CMAC(block, b)
}
