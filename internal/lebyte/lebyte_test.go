package lebyte_test

import (
	"testing"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

func TestFields(t *testing.T) {
	s := lebyte.String{1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 'c', 0, 0}
	var (
		a    uint8
		b    uint16
		c    uint32
		d    uint64
		e    [2]byte
		f    []byte
		want = [...]uint64{1, 2, 3, 4}
	)
	if !s.Uint8(&a) || !s.Uint16(&b) || !s.Uint32(&c) || !s.Uint64(&d) || !s.Copy(e[:]) || !s.Bytes(&f, 1) || !s.Zero(2) || !s.Empty() {
		t.Fatal("a complete structure was refused")
	}
	if got := [...]uint64{uint64(a), uint64(b), uint64(c), uint64(d)}; got != want {
		t.Errorf("read %v, want %v", got, want)
	}
	if string(e[:])+string(f) != "abc" {
		t.Errorf("read %q and %q", e, f)
	}
}

func TestShortInputIsLeftAlone(t *testing.T) {
	reads := map[string]func(*lebyte.String) bool{
		"Uint8":  func(s *lebyte.String) bool { *s = nil; return s.Uint8(new(uint8)) },
		"Uint16": func(s *lebyte.String) bool { return s.Uint16(new(uint16)) },
		"Uint32": func(s *lebyte.String) bool { return s.Uint32(new(uint32)) },
		"Uint64": func(s *lebyte.String) bool { return s.Uint64(new(uint64)) },
		"Copy":   func(s *lebyte.String) bool { return s.Copy(make([]byte, 2)) },
		"Bytes":  func(s *lebyte.String) bool { return s.Bytes(new([]byte), 1<<63) },
		"Zero":   func(s *lebyte.String) bool { return s.Zero(2) },
		"nonzero": func(s *lebyte.String) bool {
			return s.Zero(1)
		},
	}
	for name, read := range reads {
		s := lebyte.String{7}
		if read(&s) {
			t.Errorf("%s: read past the end", name)
		}
		if name != "Uint8" && len(s) != 1 {
			t.Errorf("%s: a failed read consumed input", name)
		}
	}
}

func TestBytesCannotGrowIntoWhatFollows(t *testing.T) {
	s := lebyte.String{1, 2}
	var b []byte
	if !s.Bytes(&b, 1) {
		t.Fatal("refused")
	}
	_ = append(b, 9)
	if s[0] != 2 {
		t.Error("append to a field wrote over the next one")
	}
}
