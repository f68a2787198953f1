package aesm

import (
	"encoding/binary"
	"errors"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/cleave-sdk/cleave/internal/aesm/aesmpb"
)

// Sizes in bytes. A quote has about 4,700, a request for one 750; a service
// pads quotes to what it was asked to make room for.
const (
	maxRequest  = 16 << 10
	maxResponse = maxQuote + 4<<10
)

var (
	errSize    = errors.New("a message of no bytes or of too many")
	errMessage = errors.New("not exactly one known message with all that it requires")
)

// readFrame reads a length and that many bytes, at most limit.
func readFrame(r io.Reader, limit uint32) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(length[:])
	if n == 0 || n > limit {
		return nil, errSize
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, whole(err)
	}
	return b, nil
}

// whole says that an end after the length is in the middle of a message.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// writeFrame writes the message at once, with its length.
func writeFrame(w io.Writer, m proto.Message) error {
	b, err := proto.MarshalOptions{}.MarshalAppend(make([]byte, 4), m)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)-4))
	_, err = w.Write(b)
	return err
}

func decodeRequest(b []byte) (*aesmpb.Request, error) {
	m := new(aesmpb.Request)
	if err := decode(b, m); err != nil {
		return nil, err
	}
	return m, nil
}

func decodeResponse(b []byte) (*aesmpb.Response, error) {
	m := new(aesmpb.Response)
	if err := decode(b, m); err != nil {
		return nil, err
	}
	return m, nil
}

// decode is strict where protobuf is not: of messages that are there twice
// protobuf makes one. Of which kind the one message is, callers look at; what
// is in it beyond the known fields is left to later versions of the protocol.
func decode(b []byte, m proto.Message) error {
	_, wire, n := protowire.ConsumeTag(b)
	if n < 0 || wire != protowire.BytesType {
		return errMessage
	}
	if _, rest := protowire.ConsumeBytes(b[n:]); rest < 0 || n+rest != len(b) {
		return errMessage
	}
	if proto.Unmarshal(b, m) != nil {
		return errMessage
	}
	return nil
}
