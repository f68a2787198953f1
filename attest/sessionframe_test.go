package attest_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/cleave-sdk/cleave/attest"
)

// frames are one of each kind, and those of the least and the greatest size.
func frames() map[string][]byte {
	return map[string][]byte{
		"hello":          rawFrame(sayHello, append([]byte{asClient, 3}, make([]byte, 32)...)),
		"least evidence": rawFrame(sayEvidence, make([]byte, 1020)),
		"most evidence":  rawFrame(sayEvidence, make([]byte, 16384)),
		"accepted":       rawFrame(sayAccepted, nil),
		"refused":        rawFrame(sayRefused, []byte{3}),
	}
}

func TestSessionFrames(t *testing.T) {
	for name, b := range frames() {
		t.Run(name, func(t *testing.T) {
			r := bytes.NewReader(append(bytes.Clone(b), "and more"...))
			kind, body, err := attest.ReadSessionFrame(iotest.OneByteReader(r))
			check(t, err)
			if again := attest.AppendSessionFrame(nil, kind, body); !bytes.Equal(again, b) {
				t.Errorf("%x is not %x", again, b)
			}
			if rest, _ := io.ReadAll(r); string(rest) != "and more" {
				t.Errorf("it has read on: %q is left", rest)
			}
			for n := range b {
				if _, _, err := attest.ReadSessionFrame(bytes.NewReader(b[:n])); err == nil {
					t.Fatalf("accepted after %d bytes", n)
				} else if n > 0 && n < len(b) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
					t.Errorf("after %d bytes: %v", n, err)
				}
			}
			for bit := range 8 * 8 {
				other := bytes.Clone(b)
				other[bit/8] ^= 1 << (bit % 8)
				other = append(other, make([]byte, 1<<16)...)
				kind, body, err := attest.ReadSessionFrame(bytes.NewReader(other))
				if err == nil && !bytes.Equal(attest.AppendSessionFrame(nil, kind, body), other[:8+len(body)]) {
					t.Errorf("bit %d: another frame than was sent", bit)
				}
				if err == nil && bit < 32 || err == nil && bit/8 == 5 {
					t.Errorf("bit %d is of no account", bit)
				}
			}
		})
	}
	for name, b := range map[string][]byte{
		"no kind":            rawFrame(0, nil),
		"an unknown kind":    rawFrame(5, nil),
		"a short hello":      rawFrame(sayHello, make([]byte, 33)),
		"a long hello":       rawFrame(sayHello, make([]byte, 35)),
		"little evidence":    rawFrame(sayEvidence, make([]byte, 1019)),
		"much evidence":      rawFrame(sayEvidence, make([]byte, 16385)),
		"accepted with more": rawFrame(sayAccepted, []byte{0}),
		"refused without":    rawFrame(sayRefused, nil),
		"refused with more":  rawFrame(sayRefused, []byte{1, 2}),
	} {
		if _, _, err := attest.ReadSessionFrame(bytes.NewReader(b)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, head := range map[string][]byte{"role 0": {0, 1}, "role 3": {3, 1}, "mode 0": {1, 0}, "mode 4": {1, 4}} {
		if _, ok := attest.ParseSessionGreeting(append(head, make([]byte, 32)...)); ok {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzSessionFrame: what is read is what was written, and no byte more is
// taken.
func FuzzSessionFrame(f *testing.F) {
	for _, b := range frames() {
		f.Add(b)
		f.Add(append(b, b...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		kind, body, err := attest.ReadSessionFrame(r)
		if err != nil {
			return
		}
		if len(body) > 16384 || kind < sayHello || kind > sayRefused {
			t.Fatalf("kind %d of %d bytes", kind, len(body))
		}
		if again := attest.AppendSessionFrame(nil, kind, body); !bytes.Equal(again, b[:len(b)-r.Len()]) {
			t.Errorf("%x is not %x", again, b)
		}
		if again, ok := attest.ParseSessionGreeting(body); ok && !bytes.Equal(again, body) {
			t.Errorf("greeting %x is not %x", again, body)
		}
	})
}
