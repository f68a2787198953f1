package sealing_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/sealing"
)

// What is public is refused by name, and no key is asked for. Byte 10 of a
// blob is its binding, 9 the source, 16 the SVN, 32 the CPUSVN.
func TestAttackRefusedBeforeAnyKey(t *testing.T) {
	cpu := newCPU()
	s := sealing.New(cpu, sealing.ToSigner)
	s.MinSVN = 3
	s.MinCPUSVN = [16]byte{3, 3, 3, 3, 15: 3}
	blob := seal(t, s, []byte("secret"), nil)
	cpu.asked()
	tests := map[string]struct {
		blob   []byte
		want   error
		length bool // it is the length that is wrong
	}{
		"nil":                          {nil, sealing.ErrFormat, false},
		"empty":                        {[]byte{}, sealing.ErrFormat, false},
		"something else":               {bytes.Repeat([]byte("x"), 300), sealing.ErrFormat, false},
		"magic":                        {with(blob, 0, 'c'), sealing.ErrFormat, false},
		"magic alone":                  {blob[:7], sealing.ErrFormat, false},
		"version 0":                    {with(blob, 7, 0), sealing.ErrFormat, false},
		"version 2":                    {with(blob, 7, 2), sealing.ErrFormat, false},
		"suite 0":                      {with(blob, 8, 0), sealing.ErrFormat, false},
		"suite 2":                      {with(blob, 8, 2), sealing.ErrFormat, false},
		"source 0":                     {with(blob, 9, 0), sealing.ErrFormat, false},
		"source 3":                     {with(blob, 9, 3), sealing.ErrFormat, false},
		"fixed source with versions":   {with(blob, 9, 2), sealing.ErrFormat, false},
		"fixed source with separation": {with(with(with(with(blob, 9, 2), 11, 1), 16, 0, 0), 32, make([]byte, 16)...), sealing.ErrFormat, false},
		"fixed source":                 {with(with(with(blob, 9, 2), 16, 0, 0), 32, make([]byte, 16)...), sealing.ErrOther, false},
		"binding 0, a policy of none":  {with(blob, 10, 0), sealing.ErrFormat, false},
		"binding 3":                    {with(blob, 10, 3), sealing.ErrFormat, false},
		"other binding":                {with(blob, 10, byte(sealing.ToEnclave)), sealing.ErrOther, false},
		"other separation":             {with(blob, 11, 2), sealing.ErrOther, false},
		"unknown separation":           {with(blob, 11, 8), sealing.ErrFormat, false},
		"configuration of no use":      {with(blob, 18, 1), sealing.ErrFormat, false},
		"reserved bytes after SVNs":    {with(blob, 20, 1), sealing.ErrFormat, false},
		"last of these":                {with(blob, 31, 1), sealing.ErrFormat, false},
		"reserved bytes after CPUSVN":  {with(blob, 63, 1), sealing.ErrFormat, false},
		"other chunk size":             {with(blob, 14, 2), sealing.ErrFormat, false},
		"SVN above own":                {with(blob, 16, 6, 0), sealing.ErrNewer, false},
		"SVN far above own":            {with(blob, 16, 5, 1), sealing.ErrNewer, false},
		"SVN below floor":              {with(blob, 16, 2, 0), sealing.ErrTooOld, false},
		"SVN 0":                        {with(blob, 16, 0, 0), sealing.ErrTooOld, false},
		"first component above":        {with(blob, 32, 6), sealing.ErrNewer, false},
		"last component above":         {with(blob, 47, 6), sealing.ErrNewer, false},
		"middle component above":       {with(blob, 40, 1), sealing.ErrNewer, false},
		"last above, first far below":  {with(with(blob, 47, 6), 32, 0), sealing.ErrNewer, false},
		"first component below floor":  {with(blob, 32, 2), sealing.ErrTooOld, false},
		"last component below floor":   {with(blob, 47, 2), sealing.ErrTooOld, false},
		"others cannot make up for it": {with(blob, 32, 5, 5, 5, 2), sealing.ErrTooOld, false},
		"header alone":                 {blob[:160], sealing.ErrFormat, false},
		"no chunks":                    {blob[:192], sealing.ErrFormat, true},
		"half a tag":                   {blob[:207], sealing.ErrFormat, true},
		"a full chunk and no last one": {slices.Concat(blob[:192], make([]byte, chunk+16)), sealing.ErrFormat, true},
		"half a tag after a full one":  {slices.Concat(blob[:192], make([]byte, chunk+16+8)), sealing.ErrFormat, true},
	}
	for name, test := range tests {
		for way, open := range openers {
			if test.length && strings.HasPrefix(way, "Reader") && !strings.HasPrefix(way, "ReaderAt") {
				continue // it knows the length only at the end
			}
			got, err := open(s, test.blob, nil)
			if got != nil || !errors.Is(err, test.want) {
				t.Errorf("%s: %s got %d bytes, %v; want %v", name, way, len(got), err, test.want)
			}
			if asked := cpu.asked(); len(asked) != 0 {
				t.Errorf("%s: %s asked for a key", name, way)
			}
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
func TestAttackEveryBitOfASmallBlob(t *testing.T) {
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

func TestAttackOtherAdditionalData(t *testing.T) {
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

// Chunk i of a blob is the 65552 bytes at 192 + 65552·i, and the last is
// shorter.
func TestAttackRearrangedAndSplicedChunks(t *testing.T) {
	const full = chunk + 16
	s := sealing.New(newCPU(), sealing.ToSigner)
	text := pattern(2*chunk + 9)
	blob, other := seal(t, s, text, nil), seal(t, s, text, nil)
	parts := func(b []byte) (head, one, two, three []byte) {
		return b[:192], b[192 : 192+full], b[192+full : 192+2*full], b[192+2*full:]
	}
	head, one, two, three := parts(blob)
	head2, one2, two2, three2 := parts(other)
	tests := map[string][]byte{
		"swapped":                 slices.Concat(head, two, one, three),
		"last one first":          slices.Concat(head, three, one, two),
		"first twice":             slices.Concat(head, one, one, three),
		"first three times":       slices.Concat(head, one, one, two, three),
		"last twice":              slices.Concat(head, one, two, three, three),
		"without the first":       slices.Concat(head, two, three),
		"without the middle":      slices.Concat(head, one, three),
		"without the last":        slices.Concat(head, one, two),
		"the first alone":         slices.Concat(head, one),
		"the last alone":          slices.Concat(head, three),
		"first cut short as last": slices.Concat(head, one[:100]),
		"cut within the last":     blob[:len(blob)-1],
		"cut within the second":   blob[:192+full+100],
		"seventeen bytes more":    append(blob[:len(blob):len(blob)], make([]byte, 17)...),
		"last filled up":          slices.Concat(head, one, two, three, make([]byte, full-len(three))),
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
		refused(t, name, s, forged, nil, text)
	}
	opens(t, "put together rightly", s, slices.Concat(head, one, two, three), nil, text)
}

// Every bit of the header and around the edges of the chunks, and every length
// in the header and around the edges.
func TestAttackEdgesOfALargeBlob(t *testing.T) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	text := pattern(2*chunk + 1000)
	blob := seal(t, s, text, []byte("name"))
	var at []int
	for i := range 192 {
		at = append(at, i)
	}
	for _, edge := range []int{192, 192 + chunk, 192 + chunk + 16, 192 + 2*chunk + 16, 192 + 2*chunk + 32, len(blob) - 16, len(blob) - 1} {
		for i := edge - 2; i <= edge+2 && i < len(blob); i++ {
			at = append(at, i)
		}
	}
	for _, i := range at {
		for bit := range 8 {
			refused(t, fmt.Sprintf("bit %d of byte %d", bit, i), s, with(blob, i, blob[i]^1<<bit), []byte("name"), text)
		}
		refused(t, fmt.Sprintf("cut to %d bytes", i), s, blob[:i], []byte("name"), text)
	}
	opens(t, "unaltered", s, blob, []byte("name"), text)
}

// A build that leaks its keys can forge what every later one accepts, unless
// that has a floor.
func TestAttackForgedByAnOlderBuild(t *testing.T) {
	older := newCPU()
	older.level.SVN = 4
	forged := seal(t, sealing.New(older, sealing.ToSigner), []byte("forged"), nil)
	patched := sealing.New(newCPU(), sealing.ToSigner)
	opens(t, "without a floor", patched, forged, nil, []byte("forged"))

	patched.MinSVN = 5
	refused(t, "with one", patched, forged, nil, nil)
	refused(t, "relabelled", patched, with(forged, 16, 5), nil, nil)
	if _, err := patched.Open(forged, nil); !errors.Is(err, sealing.ErrTooOld) {
		t.Errorf("got %v", err)
	}
}

// What has the keys to one binding cannot use them for another, whatever it
// writes into the header.
func TestAttackAnotherBinding(t *testing.T) {
	attacker := seal(t, sealing.New(newCPU(), sealing.ToSigner), []byte("forged"), nil)
	victim := sealing.New(newCPU(), sealing.ToEnclave)
	refused(t, "as it is", victim, attacker, nil, nil)
	refused(t, "relabelled", victim, with(attacker, 10, byte(sealing.ToEnclave)), nil, nil)
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
