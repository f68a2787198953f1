package sealing_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/sealing"
)

// What is public is refused by name, and no key is asked for. Byte 10 of a
// blob is its binding, 9 the source, 16 the SVN, 32 the CPUSVN.
func TestRefusedBeforeAnyKey(t *testing.T) {
	cpu := newCPU()
	s := sealing.New(cpu, sealing.ToSigner)
	s.MinSVN = 3
	s.MinCPUSVN = [16]byte{3, 3, 3, 3, 15: 3}
	blob := seal(t, s, []byte("secret"), nil)
	cpu.asked()
	tests := map[string]struct {
		blob []byte
		want error
	}{
		"nil":                          {nil, sealing.ErrFormat},
		"empty":                        {[]byte{}, sealing.ErrFormat},
		"something else":               {bytes.Repeat([]byte("x"), 300), sealing.ErrFormat},
		"magic":                        {with(blob, 0, 'c'), sealing.ErrFormat},
		"magic alone":                  {blob[:7], sealing.ErrFormat},
		"version 0":                    {with(blob, 7, 0), sealing.ErrFormat},
		"version 2":                    {with(blob, 7, 2), sealing.ErrFormat},
		"suite 0":                      {with(blob, 8, 0), sealing.ErrFormat},
		"suite 2":                      {with(blob, 8, 2), sealing.ErrFormat},
		"source 0":                     {with(blob, 9, 0), sealing.ErrFormat},
		"source 3":                     {with(blob, 9, 3), sealing.ErrFormat},
		"fixed source with versions":   {with(blob, 9, 2), sealing.ErrFormat},
		"fixed source":                 {with(with(with(blob, 9, 2), 16, 0, 0), 32, make([]byte, 16)...), sealing.ErrOther},
		"binding 0, a policy of none":  {with(blob, 10, 0), sealing.ErrFormat},
		"binding 3":                    {with(blob, 10, 3), sealing.ErrFormat},
		"other binding":                {with(blob, 10, byte(sealing.ToEnclave)), sealing.ErrOther},
		"reserved byte":                {with(blob, 11, 1), sealing.ErrFormat},
		"reserved bytes after SVN":     {with(blob, 31, 1), sealing.ErrFormat},
		"reserved bytes after CPUSVN":  {with(blob, 63, 1), sealing.ErrFormat},
		"other chunk size":             {with(blob, 14, 2), sealing.ErrFormat},
		"SVN above own":                {with(blob, 16, 6, 0), sealing.ErrNewer},
		"SVN far above own":            {with(blob, 16, 5, 1), sealing.ErrNewer},
		"SVN below floor":              {with(blob, 16, 2, 0), sealing.ErrTooOld},
		"SVN 0":                        {with(blob, 16, 0, 0), sealing.ErrTooOld},
		"first component above":        {with(blob, 32, 6), sealing.ErrNewer},
		"last component above":         {with(blob, 47, 6), sealing.ErrNewer},
		"middle component above":       {with(blob, 40, 1), sealing.ErrNewer},
		"last above, first far below":  {with(with(blob, 47, 6), 32, 0), sealing.ErrNewer},
		"first component below floor":  {with(blob, 32, 2), sealing.ErrTooOld},
		"last component below floor":   {with(blob, 47, 2), sealing.ErrTooOld},
		"others cannot make up for it": {with(blob, 32, 5, 5, 5, 2), sealing.ErrTooOld},
		"header alone":                 {blob[:160], sealing.ErrFormat},
		"no chunks":                    {blob[:192], sealing.ErrFormat},
		"half a tag":                   {blob[:207], sealing.ErrFormat},
		"empty chunk after a full one": {slices.Concat(blob[:192], make([]byte, chunk+16+16)), sealing.ErrFormat},
		"half a tag after a full one":  {slices.Concat(blob[:192], make([]byte, chunk+16+8)), sealing.ErrFormat},
	}
	for name, test := range tests {
		got, err := s.Open(test.blob, nil)
		if got != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: got %d bytes, %v; want %v", name, len(got), err, test.want)
		}
		if asked := cpu.asked(); len(asked) != 0 {
			t.Errorf("%s: a key was asked for", name)
		}
	}
	// The same Sealer, at the borders.
	for name, blob := range map[string][]byte{
		"SVN at floor":       with(blob, 16, 3),
		"CPUSVN at floor":    with(blob, 32, 3, 3, 3, 3),
		"SVN between":        with(blob, 16, 4),
		"components between": with(blob, 32, 3, 4, 5, 3),
	} {
		if _, err := s.Open(blob, nil); !errors.Is(err, sealing.ErrOpen) || len(cpu.asked()) != 1 {
			t.Errorf("%s: refused before the key: %v", name, err)
		}
	}
}

func TestOtherPlatforms(t *testing.T) {
	blob := seal(t, sealing.New(newCPU(), sealing.ToSigner), []byte("secret"), nil)
	otherMachine := newCPU()
	otherMachine.root = "another machine"
	downgraded := newCPU()
	downgraded.level.SVN = 4
	tests := map[string]struct {
		keys    *fakeCPU
		binding sealing.Binding
		want    error
	}{
		"other machine or signer": {otherMachine, sealing.ToSigner, sealing.ErrOpen},
		"downgraded":              {downgraded, sealing.ToSigner, sealing.ErrNewer},
		"fixed keys":              {newFixed(), sealing.ToSigner, sealing.ErrOther},
		"other binding":           {newCPU(), sealing.ToEnclave, sealing.ErrOther},
	}
	for name, test := range tests {
		got, err := sealing.New(test.keys, test.binding).Open(blob, nil)
		if got != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: got %d bytes, %v; want %v", name, len(got), err, test.want)
		}
		if asked := len(test.keys.asked()) != 0; asked != (test.want == sealing.ErrOpen) {
			t.Errorf("%s: asked for a key: %v", name, asked)
		}
	}
}

// Once there is a key, every blob that does not open is told the same, to the
// letter.
func TestAlteredBlobs(t *testing.T) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	blob := seal(t, s, []byte("twenty bytes, or so."), []byte("name"))
	_, plain := s.Open(blob, nil)
	for i := range blob {
		for bit := range 8 {
			got, err := s.Open(with(blob, i, blob[i]^1<<bit), []byte("name"))
			if got != nil || err == nil {
				t.Errorf("bit %d of byte %d does not matter", bit, i)
			}
			if i >= 64 && (!errors.Is(err, sealing.ErrOpen) || err.Error() != plain.Error()) {
				t.Errorf("bit %d of byte %d: the error tells: %v", bit, i, err)
			}
		}
	}
	for n := range blob {
		if got, err := s.Open(blob[:n], []byte("name")); got != nil || err == nil {
			t.Errorf("opens when cut to %d bytes", n)
		}
	}
	for n := range 40 {
		if got, err := s.Open(append(blob[:len(blob):len(blob)], make([]byte, n+1)...), []byte("name")); got != nil || err == nil {
			t.Errorf("opens with %d bytes added", n+1)
		}
	}
}

func TestAdditionalData(t *testing.T) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	for _, sealed := range []string{"", "name", "\x00"} {
		blob := seal(t, s, []byte("secret"), []byte(sealed))
		for _, opened := range []string{"", "name", "nam", "names", "Name", "\x00", "\x00\x00", "secret"} {
			got, err := s.Open(blob, []byte(opened))
			if sealed == opened {
				if string(got) != "secret" || err != nil {
					t.Errorf("%q: %v", sealed, err)
				}
			} else if got != nil || !errors.Is(err, sealing.ErrOpen) {
				t.Errorf("sealed with %q, opens with %q: %v", sealed, opened, err)
			}
		}
	}
}

// Chunk i of a blob is the 65552 bytes at 192 + 65552·i.
func TestRearrangedChunks(t *testing.T) {
	const sealed = chunk + 16
	s := sealing.New(newCPU(), sealing.ToSigner)
	blob, other := seal(t, s, pattern(3*chunk), nil), seal(t, s, pattern(3*chunk), nil)
	parts := func(b []byte) (head, one, two, three []byte) {
		return b[:192], b[192 : 192+sealed], b[192+sealed : 192+2*sealed], b[192+2*sealed:]
	}
	head, one, two, three := parts(blob)
	head2, one2, two2, three2 := parts(other)
	tests := map[string][]byte{
		"first two swapped":       slices.Concat(head, two, one, three),
		"last two swapped":        slices.Concat(head, one, three, two),
		"first and last swapped":  slices.Concat(head, three, two, one),
		"first twice":             slices.Concat(head, one, one, three),
		"last twice":              slices.Concat(head, one, two, three, three),
		"without the first":       slices.Concat(head, two, three),
		"without the middle":      slices.Concat(head, one, three),
		"without the last":        slices.Concat(head, one, two),
		"the first alone":         slices.Concat(head, one),
		"the last alone":          slices.Concat(head, three),
		"cut within the last":     blob[:len(blob)-1],
		"cut within the second":   blob[:192+sealed+100],
		"seventeen bytes more":    append(blob[:len(blob):len(blob)], make([]byte, 17)...),
		"header of the other":     slices.Concat(head2, one, two, three),
		"first of the other":      slices.Concat(head, one2, two, three),
		"middle of the other":     slices.Concat(head, one, two2, three),
		"last of the other":       slices.Concat(head, one, two, three2),
		"MAC of the other":        slices.Concat(head[:160], head2[160:], one, two, three),
		"key ID of the other":     slices.Concat(head[:64], head2[64:96], blob[96:]),
		"salt of the other":       slices.Concat(head[:96], head2[96:128], blob[128:]),
		"key ID and salt of both": slices.Concat(head[:64], head2[64:128], blob[128:]),
		"predecessor set":         with(blob, 128, 1),
		"both, one after another": slices.Concat(blob, other),
		"last bit":                with(blob, len(blob)-1, blob[len(blob)-1]^1),
	}
	for name, forged := range tests {
		got, err := s.Open(forged, nil)
		if got != nil || !errors.Is(err, sealing.ErrOpen) {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
	}
	if got, err := s.Open(slices.Concat(head, one, two, three), nil); err != nil || !bytes.Equal(got, pattern(3*chunk)) {
		t.Errorf("put together rightly, it does not open: %v", err)
	}
}

func TestNoSecretInErrors(t *testing.T) {
	cpu := newCPU()
	s := sealing.New(cpu, sealing.ToSigner)
	blob := seal(t, s, []byte("the secret"), []byte("the name"))
	_, err := s.Open(with(blob, 200, blob[200]^1), []byte("the name"))
	for _, word := range []string{"secret", "name", "MAC", "chunk", "tag", "GCM"} {
		if err == nil || strings.Contains(err.Error(), word) {
			t.Errorf("the error says %q: %v", word, err)
		}
	}
}
