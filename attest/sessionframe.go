package attest

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/cleave-sdk/cleave/internal/lebyte"
	"github.com/cleave-sdk/cleave/internal/ratls"
)

// A frame is what ends say to each other before the application does: 8 bytes,
// and a body of up to 16 KiB. SESSION.md has the format.
type frame struct {
	kind frameKind
	body []byte
}

type frameKind uint8

const (
	frameHello    frameKind = 1 + iota // a greeting
	frameEvidence                      // a quote
	frameAccepted                      // nothing
	frameRefused                       // a reason
)

const (
	frameMagic   = "CSB"
	frameVersion = 1
	frameHead    = 8
	nonceSize    = 32
	greetingSize = 2 + nonceSize
)

var (
	errFrame   = errors.New("it does not speak " + sessionProtocol + ", or said something else first")
	errVersion = errors.New("it speaks another version of " + sessionProtocol)
)

func (k frameKind) valid() bool { return k >= frameHello && k <= frameRefused }

// sizes are the least and the greatest of a body.
func (k frameKind) sizes() (least, most int) {
	switch k {
	case frameHello:
		return greetingSize, greetingSize
	case frameEvidence:
		return ratls.MinQuoteSize, ratls.MaxQuoteSize
	case frameRefused:
		return 1, 1
	}
	return 0, 0
}

func (f frame) append(b []byte) []byte {
	b = append(b, frameMagic...)
	b = append(b, frameVersion, byte(f.kind), 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(f.body)))
	return append(b, f.body...)
}

// readFrame reads no byte beyond the frame: what follows is the application's.
func readFrame(r io.Reader) (frame, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	kind, size, err := parseFrameHead(head[:])
	if err != nil {
		return frame{}, err
	}
	f := frame{kind, make([]byte, size)}
	if _, err := io.ReadFull(r, f.body); err != nil {
		return frame{}, err
	}
	return f, nil
}

func parseFrameHead(head []byte) (kind frameKind, size int, err error) {
	var magic []byte
	var version uint8
	var n uint16
	s := lebyte.String(head)
	if !s.Bytes(&magic, uint64(len(frameMagic))) || string(magic) != frameMagic || !s.Uint8(&version) {
		return 0, 0, errFrame
	}
	if version != frameVersion {
		return 0, 0, errVersion
	}
	if !s.Uint8((*uint8)(&kind)) || !s.Zero(1) || !s.Uint16(&n) || !s.Empty() || !kind.valid() {
		return 0, 0, errFrame
	}
	if least, most := kind.sizes(); int(n) < least || int(n) > most {
		return 0, 0, errFrame
	}
	return kind, int(n), nil
}

// A greeting is the body of hello.
type greeting struct {
	role  role
	mode  mode
	nonce [nonceSize]byte
}

func (g greeting) frame() frame {
	return frame{frameHello, append([]byte{byte(g.role), byte(g.mode)}, g.nonce[:]...)}
}

func parseGreeting(body []byte) (g greeting, ok bool) {
	s := lebyte.String(body)
	ok = s.Uint8((*uint8)(&g.role)) && s.Uint8((*uint8)(&g.mode)) && s.Copy(g.nonce[:]) && s.Empty() &&
		g.role.valid() && g.mode.valid()
	return g, ok
}
