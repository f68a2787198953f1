package sim

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"time"

	"github.com/cleave-sdk/cleave/internal/issue"
)

// Machine is one simulated processor with its quoting enclave and its
// authority. It is safe for concurrent use. Printing it shows no secret.
type Machine struct {
	cpu    *cpu
	keeper *keeper
	now    func() time.Time
}

// cpu is behind a pointer so that no formatting verb reaches the keys.
type cpu struct {
	fuses      [16]byte // what every key is derived with
	ownerEpoch [16]byte
	platform   issue.Platform
	bootKeyID  [32]byte // of the reports made since Open
	authority  *issue.Authority
	pck        *issue.Entity
	quoting    quoting
}

// Open finds the machine in the directory dir, or makes one there if dir does
// not exist or is empty. Processes that do so at the same time get the same
// one. The directory (mode 0700, even if empty) and its file (0600) must be the
// user's own and closed to others; [ErrState] tells such trouble from that of
// the file system.
func Open(dir string) (*Machine, error) {
	s, err := openState(dir)
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	m, err := s.machine()
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	if m.keeper.dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	return m, nil
}

// machine starts the processor: what it does not keep it makes anew, the key
// identifier of its reports and the signature on its quoting enclave's.
func (s *state) machine() (*Machine, error) {
	fuses, err := s.derive("EGETKEY")
	if err != nil {
		return nil, err
	}
	m := &Machine{
		now:    time.Now,
		keeper: &keeper{state: s},
		cpu: &cpu{
			fuses:      fuses,
			ownerEpoch: s.OwnerEpoch,
			platform:   s.platform(),
			authority:  s.authority(),
			pck:        s.PCK.entity(),
		},
	}
	rand.Read(m.cpu.bootKeyID[:]) // never fails
	qeID, err := s.derive("quoting enclave identifier")
	if err != nil {
		return nil, err
	}
	return m, m.startQuoting(s.AttestationKey.key, qeID)
}

// derive separates what the fuses are used for.
func (s *state) derive(purpose string) (key [16]byte, err error) {
	b, err := hkdf.Key(sha256.New, s.FuseKey[:], nil, "cleave simulator: "+purpose, len(key))
	copy(key[:], b)
	return key, err
}

// Root is the certificate on which everything the machine signs rests. Give it
// to a verifier that is to accept this machine, and to no other.
func (m *Machine) Root() *x509.Certificate { return m.cpu.authority.Root.Certificate }

// Platform describes the machine as its PCK certificate does.
func (m *Machine) Platform() issue.Platform { return m.cpu.platform }

// Format hides the machine's keys from every verb of package fmt.
func (m Machine) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "simulated machine %X", m.cpu.platform.PPID)
}
