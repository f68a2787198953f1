package oe

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"

	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Where an executable has its properties and in them, after 144 bytes of
// sizes and settings, the SIGSTRUCT (oe_sgx_enclave_properties_t).
const (
	infoSection     = ".oeinfo"
	sigStructOffset = 144
)

// maxImageRead bounds what is read of an executable, whatever sizes it claims.
const maxImageRead = 16 << 20

// ErrUnsigned is that of executables which neither ego sign nor oesign has
// signed.
var ErrUnsigned = errors.New("not signed")

var (
	errNotEGo = fmt.Errorf("%w: it has no section %s, which ego-go build makes", ErrUnsigned, infoSection)
	errZero   = fmt.Errorf("%w: its SIGSTRUCT is empty; sign it with ego sign", ErrUnsigned)
	errImage  = errors.New("not a 64-bit x86 executable (ELF)")
	errCut    = fmt.Errorf("%w: it is not whole, or damaged; build it again", errImage)
	errInfo   = errors.New("its section " + infoSection + " has no place for a SIGSTRUCT; build it again")
	errBudget = errors.New("its headers are too large")
)

// ReadSigStruct returns with what an executable is signed. That its signature
// is right is for [sgx.SigStruct.Verify] to say, and whether it is that of this
// executable only the CPU can.
func ReadSigStruct(r io.ReaderAt) (*sgx.SigStruct, error) {
	b, err := readInfo(&bounded{r, maxImageRead})
	if err != nil {
		return nil, err
	}
	if [sgx.SigStructSize]byte(b) == [sgx.SigStructSize]byte{} {
		return nil, errZero
	}
	return sgx.ParseSigStruct(b)
}

// CheckImage refuses what cannot run in an enclave because it was built for
// another processor, or because part of it is missing. That something is wrong
// with its code it does not see.
func CheckImage(r io.ReaderAt) error {
	_, err := open(&bounded{r, maxImageRead})
	return err
}

func open(r io.ReaderAt) (*elf.File, error) {
	f, err := elf.NewFile(r)
	switch {
	case err != nil:
		return nil, errCut
	case f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB || f.Machine != elf.EM_X86_64:
		return nil, fmt.Errorf("%w: it is for %v; build it with GOARCH=amd64", errImage, f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Filesz > 0 {
			if n, _ := p.ReadAt(make([]byte, 1), int64(p.Filesz)-1); n == 0 {
				return nil, errCut
			}
		}
	}
	return f, nil
}

func readInfo(r io.ReaderAt) ([]byte, error) {
	f, err := open(r)
	if err != nil {
		return nil, err
	}
	s, err := onlySection(f)
	if err != nil {
		return nil, err
	}
	b := make([]byte, sgx.SigStructSize)
	if n, err := s.ReadAt(b, sigStructOffset); n < len(b) {
		return nil, fmt.Errorf("%w: %w", errInfo, err)
	}
	return b, nil
}

// onlySection refuses an executable of which another reader could see another
// SIGSTRUCT.
func onlySection(f *elf.File) (info *elf.Section, err error) {
	for _, s := range f.Sections {
		if s.Name != infoSection {
			continue
		}
		// One that is compressed has no ReaderAt.
		if info != nil || s.Type != elf.SHT_PROGBITS || s.ReaderAt == nil {
			return nil, errInfo
		}
		info = s
	}
	if info == nil {
		return nil, errNotEGo
	}
	return info, nil
}

// bounded is a reader of which no more than left bytes are read, so that no
// more is allocated.
type bounded struct {
	r    io.ReaderAt
	left int
}

func (b *bounded) ReadAt(p []byte, off int64) (int, error) {
	if len(p) > b.left {
		return 0, errBudget
	}
	b.left -= len(p)
	return b.r.ReadAt(p, off)
}
