package sim

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"time"

	"github.com/cleave-sdk/cleave/internal/issue"
	json "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// stateVersion changes when an older simulator would misread the state. What
// version 1 lacks is in the state's history.
const stateVersion = 2

// envelope guards the state against damage, not against an attacker: a fuse key
// with a flipped bit would be a machine on which nothing opens.
type envelope struct {
	Version int            `json:"version"`
	SHA256  string         `json:"sha256"` // in hex
	Machine jsontext.Value `json:"machine"`
}

// state is all that outlives a process.
type state struct {
	FuseKey    [32]byte `json:"fuseKey"`
	OwnerEpoch [16]byte `json:"ownerEpoch"`
	PPID       [16]byte `json:"ppid"`
	InstanceID [16]byte `json:"instanceID"`
	FMSPC      [6]byte  `json:"fmspc"`
	PCEID      [2]byte  `json:"pceID"`
	CPUSVN     [16]byte `json:"cpuSVN"`
	PCESVN     uint16   `json:"pceSVN"`

	AttestationKey privateKey `json:"attestationKey"`
	Root           entity     `json:"root"`
	PCKCA          entity     `json:"pckCA"`
	TCBSigning     entity     `json:"tcbSigning"`
	PCK            entity     `json:"pck"`

	// Since version 2.
	TCB     []release     `json:"tcb,omitempty"`     // in the order of their announcement; the last is up to date
	Revoked []certificate `json:"revoked,omitempty"` // PCK certificates
}

// entity is an issue.Entity in JSON.
type entity struct {
	Certificate certificate `json:"certificate"`
	Key         privateKey  `json:"key"`
}

func (e entity) entity() *issue.Entity {
	return &issue.Entity{Certificate: e.Certificate.c, Key: e.Key.key}
}

func entityOf(e *issue.Entity) entity { return entity{certificate{e.Certificate}, privateKey{e.Key}} }

type certificate struct{ c *x509.Certificate }

func (c certificate) MarshalJSON() ([]byte, error) { return json.Marshal(c.c.Raw) }

func (c *certificate) UnmarshalJSON(b []byte) (err error) {
	var der []byte
	if err = json.Unmarshal(b, &der); err == nil {
		c.c, err = x509.ParseCertificate(der)
	}
	return err
}

type privateKey struct{ key *ecdsa.PrivateKey }

func (k privateKey) MarshalJSON() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.key)
	if err != nil {
		return nil, err
	}
	return json.Marshal(der)
}

func (k *privateKey) UnmarshalJSON(b []byte) error {
	var der []byte
	if err := json.Unmarshal(b, &der); err != nil {
		return err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return err
	}
	var ok bool
	if k.key, ok = key.(*ecdsa.PrivateKey); !ok {
		return errors.New("not an ECDSA key")
	}
	return nil
}

// newState makes a machine whose certificates outlive it: twenty years. Its
// FMSPC is no genuine platform's, so that no cache mistakes Intel's TCB info
// for the simulator's.
func newState(now time.Time) (*state, error) {
	s := &state{
		FMSPC:  [6]byte{0x00, 0x60, 0x6A, 0xC1, 0xEA, 0x7E},
		CPUSVN: [16]byte{16, 16, 3, 3, 255, 255, 1},
		PCESVN: 13,
	}
	s.announce(s.CPUSVN, now)
	for _, random := range [][]byte{s.FuseKey[:], s.OwnerEpoch[:], s.PPID[:], s.InstanceID[:]} {
		rand.Read(random) // never fails
	}
	return s, s.certify(issue.Validity{From: now.Add(-skew), Until: now.AddDate(20, 0, 0)})
}

func (s *state) certify(v issue.Validity) error {
	names := issue.SimulatorNames()
	authority, err := issue.NewAuthority(names, v)
	if err != nil {
		return err
	}
	pck, err := authority.PCK(names.PCK, v, s.platform())
	if err != nil {
		return err
	}
	key, err := issue.NewKey()
	if err != nil {
		return err
	}
	s.Root, s.PCKCA = entityOf(authority.Root), entityOf(authority.PCKCA)
	s.TCBSigning, s.PCK = entityOf(authority.TCBSigning), entityOf(pck)
	s.AttestationKey = privateKey{key}
	return nil
}

func (s *state) authority() *issue.Authority {
	return &issue.Authority{Root: s.Root.entity(), PCKCA: s.PCKCA.entity(), TCBSigning: s.TCBSigning.entity()}
}

// platform has the CPUSVN for its components, as in Intel's certificates.
func (s *state) platform() issue.Platform {
	return issue.Platform{
		PPID:       s.PPID,
		Components: s.CPUSVN,
		PCESVN:     s.PCESVN,
		CPUSVN:     s.CPUSVN,
		PCEID:      s.PCEID,
		FMSPC:      s.FMSPC,
		Type:       issue.Scalable,
		InstanceID: s.InstanceID,
		Dynamic:    false,
		CachedKeys: true,
		SMT:        true,
	}
}

func (s *state) encode() ([]byte, error) {
	machine, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope{stateVersion, checksum(machine), machine})
}

var (
	errDamaged = errors.New("is damaged")
	errNewer   = errors.New("was made by a newer version of Cleave")
)

func decodeState(b []byte) (*state, error) {
	var e envelope
	err := json.Unmarshal(b, &e) // leniently: a newer version has other members
	if err == nil && e.Version > stateVersion {
		return nil, errNewer
	}
	var s state
	strict := json.RejectUnknownMembers(true)
	if json.Unmarshal(b, &e, strict) != nil ||
		e.Version < 1 ||
		e.SHA256 != checksum(e.Machine) ||
		json.Unmarshal(e.Machine, &s, strict) != nil ||
		!s.complete() ||
		e.Version == 1 && !s.upgrade() ||
		len(s.TCB) == 0 {
		return nil, errDamaged
	}
	return &s, nil
}

// upgrade gives a machine of version 1 its history: there is none.
func (s *state) upgrade() bool {
	if s.TCB != nil || s.Revoked != nil {
		return false
	}
	s.announce(s.CPUSVN, s.Root.Certificate.c.NotBefore)
	return true
}

func checksum(machine []byte) string {
	sum := sha256.Sum256(machine)
	return hex.EncodeToString(sum[:])
}

// complete reports whether nothing was left out and keys belong to their
// certificates.
func (s *state) complete() bool {
	for _, e := range []entity{s.Root, s.PCKCA, s.TCBSigning, s.PCK} {
		if e.Certificate.c == nil || e.Key.key == nil || !e.Key.key.PublicKey.Equal(e.Certificate.c.PublicKey) {
			return false
		}
	}
	for _, c := range s.Revoked {
		if c.c == nil {
			return false
		}
	}
	return s.AttestationKey.key != nil && s.FuseKey != [32]byte{}
}
