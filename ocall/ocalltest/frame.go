package ocalltest

import (
	"bytes"
	"encoding/binary"
	"io"
)

// Of the wire: see WIRE.md of package ocall.
const (
	headerSize = 16

	kindRequest, kindCancel, kindAnswer, kindFailure, kindChunk = 3, 4, 5, 6, 7
)

// frame is one, header included.
type frame []byte

type id [8]byte

func (f frame) kind() byte   { return f[0] }
func (f frame) call() uint16 { return binary.LittleEndian.Uint16(f[2:]) }
func (f frame) id() id       { return id(f[4:12]) }
func (f frame) body() []byte { return f[headerSize:] }

// final reports whether f ends its call.
func (f frame) final() bool { return f.kind() == kindAnswer || f.kind() == kindFailure }

// with is f with another body.
func (f frame) with(body []byte) frame {
	other := append(bytes.Clone(f[:headerSize]), body...)
	binary.LittleEndian.PutUint32(other[12:], uint32(len(body)))
	return other
}

// twice is f, and f again.
func (f frame) twice() []byte { return append(bytes.Clone(f), f...) }

func readFrame(r io.Reader) (frame, error) {
	f := make(frame, headerSize)
	if _, err := io.ReadFull(r, f); err != nil {
		return nil, err
	}
	f = append(f, make([]byte, binary.LittleEndian.Uint32(f[12:]))...)
	_, err := io.ReadFull(r, f[headerSize:])
	return f, err
}
