package oe_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

func sigStruct() *sgx.SigStruct {
	return &sgx.SigStruct{Date: 0x20260301, Exponent: 3, Modulus: [384]byte{383: 0x80}, MRENCLAVE: [32]byte{1, 2, 3}, ProductID: 7, SVN: 9}
}

// imageInfo is where issue.Image has the section.
const imageInfo = 64

func image() []byte { return issue.Image(".oeinfo", sigStruct().Append(nil)) }

func TestReadSigStruct(t *testing.T) {
	got, err := oe.ReadSigStruct(bytes.NewReader(image()))
	if err != nil {
		t.Fatal(err)
	}
	if *got != *sigStruct() {
		t.Errorf("%+v", got)
	}
}

func TestReadSigStructRefuses(t *testing.T) {
	headers := bytes.LastIndex(image(), []byte(".shstrtab\x00")) + len(".shstrtab\x00")
	set := func(at int, v ...byte) []byte {
		b := image()
		copy(b[at:], v)
		return b
	}
	u64 := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stock, err := os.Open(own)
	if err != nil {
		t.Fatal(err)
	}
	defer stock.Close()
	for name, test := range map[string]struct {
		image    io.ReaderAt
		unsigned bool
		says     string
	}{
		"unsigned":          {bytes.NewReader(issue.Image(".oeinfo", make([]byte, 1808))), true, "sign it with ego sign"},
		"no such section":   {bytes.NewReader(issue.Image(".oeinf0", sigStruct().Append(nil))), true, "ego-go build"},
		"stock Go":          {stock, true, "ego-go build"},
		"empty":             {bytes.NewReader(nil), false, "not a 64-bit x86 executable"},
		"text":              {strings.NewReader("#!/bin/sh\n"), false, "not a 64-bit x86 executable"},
		"32 bit":            {bytes.NewReader(set(4, 1)), false, "not a 64-bit x86 executable"},
		"big-endian":        {bytes.NewReader(set(5, 2)), false, "not a 64-bit x86 executable"},
		"another processor": {bytes.NewReader(set(18, 183)), false, "not a 64-bit x86 executable (ELF): it is for EM_AARCH64; build it with GOARCH=amd64"},
		"flipped header":    {bytes.NewReader(set(imageInfo+144, 7)), false, "not a SIGSTRUCT"},
		"section too small": {bytes.NewReader(set(headers+64+32, u64(144+1807)...)), false, "no place for a SIGSTRUCT"},
		"section beyond":    {bytes.NewReader(set(headers+64+24, u64(1<<40)...)), false, "no place for a SIGSTRUCT"},
		"section of no size": {
			bytes.NewReader(set(headers+64+32, u64(0)...)), false, "no place for a SIGSTRUCT"},
		"section without data":  {bytes.NewReader(set(headers+64+4, 8)), false, "no place for a SIGSTRUCT"},
		"section compressed":    {bytes.NewReader(set(headers+64+8, u64(1<<11)...)), false, "no place for a SIGSTRUCT"},
		"two of them":           {bytes.NewReader(set(headers, image()[headers+64:headers+128]...)), false, "no place for a SIGSTRUCT"},
		"names of a huge size":  {bytes.NewReader(set(headers+128+32, u64(math.MaxInt64)...)), false, "not a 64-bit x86 executable"},
		"names beyond the file": {bytes.NewReader(set(headers+128+24, u64(1<<30)...)), false, "not a 64-bit x86 executable"},
	} {
		s, err := oe.ReadSigStruct(test.image)
		if s != nil || err == nil || !strings.Contains(err.Error(), test.says) || errors.Is(err, oe.ErrUnsigned) != test.unsigned {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of an executable the last part that is loaded is looked at, wherever the
// headers are.
func TestCheckImage(t *testing.T) {
	own, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skip(err)
	}
	f, err := elf.NewFile(bytes.NewReader(own))
	if err != nil {
		t.Fatal(err)
	}
	var end uint64 // of what is loaded
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			end = max(end, p.Off+p.Filesz)
		}
	}
	if err := oe.CheckImage(bytes.NewReader(own)); err != nil {
		t.Error(err)
	}
	clear(own[40:48]) // the section headers, which were at the end
	clear(own[60:64])
	if err := oe.CheckImage(bytes.NewReader(own)); err != nil {
		t.Errorf("without sections: %v", err)
	}
	for _, n := range []uint64{0, 1, 63, 64, 1000, end / 2, end - 1} {
		if err := oe.CheckImage(bytes.NewReader(own[:n])); err == nil || !strings.Contains(err.Error(), "it is not whole, or damaged; build it again") {
			t.Errorf("%d of %d bytes: %v", n, len(own), err)
		}
	}
}

func TestReadSigStructTruncated(t *testing.T) {
	b := image()
	for n := range len(b) {
		if s, err := oe.ReadSigStruct(bytes.NewReader(b[:n])); s != nil || err == nil {
			t.Errorf("cut to %d of %d bytes: accepted", n, len(b))
		}
	}
}

// endless has as many zero bytes as anybody asks for, after what it begins
// with, and counts them.
type endless struct {
	head []byte
	read int
}

func (e *endless) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off >= 0 && off < int64(len(e.head)) {
		copy(p, e.head[off:])
	}
	e.read += len(p)
	return len(p), nil
}

func TestReadSigStructIsBounded(t *testing.T) {
	b := image()
	headers := bytes.LastIndex(b, []byte(".shstrtab\x00")) + len(".shstrtab\x00")
	binary.LittleEndian.PutUint64(b[headers+128+32:], 100<<30)
	e := &endless{head: b}
	if s, err := oe.ReadSigStruct(e); s != nil || err == nil {
		t.Error("accepted")
	}
	if e.read > 32<<20 {
		t.Errorf("%d bytes were read", e.read)
	}
}

func FuzzReadSigStruct(f *testing.F) {
	f.Add(image())
	f.Add(issue.Image(".oeinfo", make([]byte, 1808)))
	f.Add(issue.Image("", nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := oe.ReadSigStruct(bytes.NewReader(b))
		if (s == nil) == (err == nil) {
			t.Fatalf("%v and %v", s, err)
		}
		if s != nil && !bytes.Contains(b, s.Append(nil)) {
			t.Errorf("encodes to what is not in the file")
		}
	})
}
