package deploy

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Half is what is known of a trusted half before it runs.
type Half struct {
	HeapMiB    int
	ImageBytes int64 // of the executable
	Debug      bool  // whether its host may read its memory
	ProductID  uint16
	SVN        uint16
	Signed     *Signed // nil before ego sign
}

// Signed is whom ego sign has made of it.
type Signed struct{ Measurement, Signer [32]byte }

// Why a trusted half is not deployed unless that is allowed by name.
var (
	ErrDebug    = errors.New(`a debug enclave's host can read its memory: set "debug": false in enclave.json and sign it again, or allow it with -allow-debug`)
	ErrUnsigned = errors.New("the executable is not signed for SGX, and runs on the simulator only: build it with ego-go build and sign it with ego sign, or allow it with -allow-unsigned")
)

// Allow is what is deployed all the same. The zero Allow is for production.
type Allow struct{ Debug, Unsigned bool }

// Open reads an enclave.json, or an executable and the one beside it.
func Open(path string) (*Half, error) {
	h, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("deploy: %w", err)
	}
	return h, nil
}

func open(path string) (*Half, error) {
	m, err := manifest.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := m.OpenExecutable()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("build the trusted half first: %w", err)
	case err != nil:
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	h := &Half{HeapMiB: m.HeapSize, ImageBytes: info.Size(), Debug: m.Debug, ProductID: m.ProductID, SVN: m.SVN}
	s, err := oe.ReadSigStruct(f)
	if errors.Is(err, oe.ErrUnsigned) {
		return h, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Executable(), err)
	}
	if err := h.signed(s); err != nil {
		return nil, fmt.Errorf("%s: %w; sign it again with ego sign", m.Executable(), err)
	}
	return h, nil
}

// signed takes over what the CPU goes by, which must be what enclave.json says.
func (h *Half) signed(s *sgx.SigStruct) error {
	if err := s.Verify(); err != nil {
		return err
	}
	if s.ProductID != h.ProductID || s.SVN != h.SVN {
		return fmt.Errorf("it is signed as product %d, SVN %d, and its enclave.json says product %d, SVN %d", s.ProductID, s.SVN, h.ProductID, h.SVN)
	}
	// EINIT leaves to the host what the mask leaves out.
	h.Debug = h.Debug || s.Attributes.Debug() || !s.AttributeMask.Debug()
	h.Signed = &Signed{s.MRENCLAVE, s.MRSIGNER()}
	return nil
}

func (h *Half) check(a Allow) (err error) {
	if h.Signed == nil && !a.Unsigned {
		err = ErrUnsigned
	}
	if h.Debug && !a.Debug {
		err = errors.Join(err, ErrDebug)
	}
	return err
}

// What an enclave of EGo's has beside its heap, in MiB.
const (
	stackMiB   = 32 * 4 // EGo gives every enclave 32 threads, each with a stack of 4 MiB
	runtimeMiB = 64     // EGo's own part of the image and the enclave's page tables, with room to spare
	imageStep  = 32     // what the executable's size is rounded up to, so that a small change changes nothing
	hostMiB    = 256    // what EGo's launcher and the host half take outside the enclave
)

// EPCMiB is the protected memory to ask for: the heap, 32 stacks of 4 MiB,
// the executable rounded up to whole 32 MiB, and 64 MiB for EGo's runtime.
// All of it is loaded when the enclave starts.
func (h *Half) EPCMiB() int {
	image := int((h.ImageBytes + imageStep<<20 - 1) / (imageStep << 20) * imageStep)
	return h.HeapMiB + stackMiB + image + runtimeMiB
}

// MemoryMiB is the ordinary memory to ask for: 256 MiB, and the whole of the
// EPC, since what Linux pages out of that is charged to the container.
func (h *Half) MemoryMiB() int { return h.EPCMiB() + hostMiB }
