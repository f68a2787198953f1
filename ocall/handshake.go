package ocall

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

// Version of the wire. Halves of different versions do not talk.
const wireVersion = 2

// magic has a high bit and both line ends, so that text and whatever translates
// text fail on the first read.
var magic = [8]byte{0x89, 'o', 'c', 'a', 'l', 'l', '\r', '\n'}

// hello is the first frame of each half. Magic and version stand first in every
// version.
//
//	0 magic [8] | 8 version u16 | 10 zero u16 | 12 calls in flight u32 | 16 fingerprint [32]
type hello struct {
	version     uint16
	inFlight    uint32
	fingerprint [sha256.Size]byte
}

const helloSize = 48

func (h hello) append(b []byte) []byte {
	b = append(b, magic[:]...)
	b = binary.LittleEndian.AppendUint16(b, h.version)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint32(b, h.inFlight)
	return append(b, h.fingerprint[:]...)
}

func parseHello(b []byte) (h hello, err error) {
	s := lebyte.String(b)
	var m [8]byte
	if !s.Copy(m[:]) || m != magic || !s.Uint16(&h.version) {
		return hello{}, violation("it does not speak ocall")
	}
	if h.version != wireVersion {
		return hello{}, fmt.Errorf("%w: wire version %d here, %d there", ErrMismatch, wireVersion, h.version)
	}
	if !s.Zero(2) || !s.Uint32(&h.inFlight) || !s.Copy(h.fingerprint[:]) || !s.Empty() {
		return hello{}, violation("its hello is malformed")
	}
	if h.inFlight != inFlight {
		return hello{}, fmt.Errorf("%w: %d calls in flight here, %d there", ErrMismatch, inFlight, h.inFlight)
	}
	return h, nil
}

// greet says who we are, hears who they are, and returns their surface. Neither
// half waits for the other to begin.
func (l *link) greet(ctx context.Context, own *surface) (*surface, error) {
	ctx, cancel := context.WithTimeout(ctx, greetTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.nc.SetDeadline(time.Unix(1, 0)) })
	theirs, err := l.exchange(own)
	if !stop() {
		return nil, ctx.Err()
	}
	return theirs, err
}

func (l *link) exchange(own *surface) (*surface, error) {
	us := hello{wireVersion, inFlight, own.fingerprint}
	if err := l.send(kindHello, us.append(nil)); err != nil {
		return nil, err
	}
	b, err := l.hear(kindHello, helloSize)
	if err != nil {
		return nil, err
	}
	them, err := parseHello(b)
	if err != nil || them.fingerprint == own.fingerprint {
		return own, err
	}
	if err := l.send(kindSurface, []byte(own.text)); err != nil {
		return nil, err
	}
	b, err = l.hear(kindSurface, maxSurface)
	if err != nil {
		return nil, err
	}
	theirs, ok := parseSurface(string(b))
	if !ok || theirs.fingerprint != them.fingerprint {
		return nil, violation("its surface is not the one it announced")
	}
	return theirs, nil
}

func (l *link) send(k kind, body []byte) error {
	l.out.push(append(header{kind: k, length: uint32(len(body))}.append(nil), body...))
	return l.out.flush(false)
}

// hear reads one frame, and not a byte after it.
func (l *link) hear(k kind, most uint32) ([]byte, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(l.nc, head[:]); err != nil {
		return nil, gone(err)
	}
	h, ok := parseHeader(head[:])
	if !ok || h != (header{kind: k, length: h.length}) || h.length > most {
		return nil, violation("it does not speak ocall")
	}
	b := make([]byte, h.length)
	if _, err := io.ReadFull(l.nc, b); err != nil {
		return nil, gone(err)
	}
	return b, nil
}
