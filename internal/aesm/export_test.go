package aesm

import (
	"bytes"
	"context"
	"io"

	"google.golang.org/protobuf/proto"

	"github.com/cleave-sdk/cleave/internal/aesm/aesmpb"
)

func DecodeRequest(b []byte) (*aesmpb.Request, error)   { return decodeRequest(b) }
func DecodeResponse(b []byte) (*aesmpb.Response, error) { return decodeResponse(b) }

// Receive is what the client does with what it reads.
func Receive(r io.Reader) (*aesmpb.Response, error) {
	b, err := readFrame(r, maxResponse)
	if err != nil {
		return nil, err
	}
	return decodeResponse(b)
}

func Trim(b []byte) ([]byte, bool) { return trim(b) }

func Framed(m proto.Message) []byte {
	var b bytes.Buffer
	if err := writeFrame(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func (s *Server) Answer(r *aesmpb.Request) *aesmpb.Response {
	return s.answer(context.Background(), r)
}
