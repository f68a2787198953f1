package sealing_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/sealing"
)

func info(t testing.TB, blob []byte) sealing.Header {
	t.Helper()
	h, err := sealing.Info(blob)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestStaleAndReseal(t *testing.T) {
	for name, raise := range map[string]func(*sealing.Level){
		"nothing":       func(*sealing.Level) {},
		"enclave":       func(l *sealing.Level) { l.SVN++ },
		"microcode":     func(l *sealing.Level) { l.CPUSVN[15]++ },
		"configuration": func(l *sealing.Level) { l.ConfigSVN++ },
	} {
		cpu := newCPU()
		s := sealing.New(kss{cpu, 7}, sealing.ToSigner)
		s.Separation = sealing.ByConfig
		old := seal(t, s, pattern(chunk+1), additional)
		if s.Stale(info(t, old)) {
			t.Errorf("%s: stale at once", name)
		}
		before := cpu.level
		raise(&cpu.level)
		if got, want := s.Stale(info(t, old)), cpu.level != before; got != want {
			t.Errorf("%s: stale is %v", name, got)
		}
		blob, err := s.Reseal(old, additional)
		if err != nil {
			t.Fatal(err)
		}
		if h := info(t, blob); s.Stale(h) || h.Level != cpu.level {
			t.Errorf("%s: resealed under %v", name, h.Level)
		}
		s.MinSVN, s.MinCPUSVN, s.MinConfigSVN = cpu.level.SVN, cpu.level.CPUSVN, cpu.level.ConfigSVN
		opens(t, name, s, blob, additional, pattern(chunk+1))
		if _, err := s.Open(old, additional); errors.Is(err, sealing.ErrTooOld) != (cpu.level != before) {
			t.Errorf("%s: under the new floors, the old one: %v", name, err)
		}
		if blob, err := s.Reseal(with(blob, 200, blob[200]^1), additional); blob != nil || !errors.Is(err, sealing.ErrOpen) {
			t.Errorf("%s: resealed what does not open: %v", name, err)
		}
	}
	var zero sealing.Sealer
	if zero.Stale(sealing.Header{}) {
		t.Error("the zero Sealer would reseal")
	}
}

func TestResealFile(t *testing.T) {
	for name, g := range map[string]sealing.Guard{"without a guard": nil, "with a guard": new(sealing.MemoryGuard)} {
		cpu := newCPU()
		f := newFile(t, g)
		f.Sealer = sealing.New(cpu, sealing.ToSigner)
		content := string(pattern(20*chunk + 1))
		if g != nil {
			initialise(t, f, content)
		} else {
			store(t, f, content)
		}
		for _, want := range []bool{false, true, false} {
			if got, err := f.Reseal(t.Context()); got != want || err != nil {
				t.Errorf("%s: resealed %v, %v", name, got, err)
			}
			if !want {
				cpu.level.SVN++
			}
			wantContent(t, f, content)
			if want {
				cpu.level.SVN-- // as it was sealed: no longer
				wantError(t, f, sealing.ErrNewer)
				cpu.level.SVN++
			}
		}
	}
}

// Keys are lost with the machine, or by a downgrade. The header says what it
// may have been, and nothing else does.
func TestLostKeys(t *testing.T) {
	blob := seal(t, sealing.New(newCPU(), sealing.ToSigner), []byte("secret"), nil)
	tests := map[string]struct {
		change func(*fakeCPU)
		want   error
		says   string
	}{
		"another machine, older":     {func(c *fakeCPU) { c.root, c.level.CPUSVN[0] = "another", 4 }, sealing.ErrNewer, "another machine"},
		"another machine, newer":     {func(c *fakeCPU) { c.root, c.level.CPUSVN[0] = "another", 6 }, sealing.ErrOpen, "another machine"},
		"another machine, no newer":  {func(c *fakeCPU) { c.root = "another" }, sealing.ErrOpen, ""},
		"the microcode downgraded":   {func(c *fakeCPU) { c.level.CPUSVN[15]-- }, sealing.ErrNewer, "microcode"},
		"the enclave downgraded":     {func(c *fakeCPU) { c.level.SVN-- }, sealing.ErrNewer, "downgraded"},
		"altered on newer microcode": {func(c *fakeCPU) { c.level.CPUSVN[15]++ }, sealing.ErrOpen, "another machine"},
	}
	for name, test := range tests {
		cpu := newCPU()
		test.change(cpu)
		s := sealing.New(cpu, sealing.ToSigner)
		b := blob
		if strings.HasPrefix(name, "altered") {
			b = with(blob, len(blob)-1, blob[len(blob)-1]^1)
		}
		_, err := s.Open(b, nil)
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
		if test.says == "" && err.Error() != "sealing: "+sealing.ErrOpen.Error() {
			t.Errorf("%s: the error guesses: %v", name, err)
		}
		// Whatever does not open under this header is told the same.
		if _, again := s.Open(with(blob, 193, blob[193]^1), nil); test.want == sealing.ErrOpen && again.Error() != err.Error() {
			t.Errorf("%s: %v, but %v", name, err, again)
		}
	}
}

func TestSeparation(t *testing.T) {
	cpu := newCPU()
	cpu.level.ConfigSVN = 3
	sealer := func(keys sealing.Keys, s sealing.Separation) *sealing.Sealer {
		made := sealing.New(keys, sealing.ToSigner)
		made.Separation = s
		return made
	}
	all := []sealing.Separation{0, sealing.ByConfig, sealing.ByFamily, sealing.ByExtendedProduct, 7}
	for _, by := range all {
		cpu.asked()
		s := sealer(kss{cpu, 7}, by)
		blob := seal(t, s, []byte("secret"), nil)
		r := cpu.asked()[0]
		if r.Separation != by || (r.ConfigSVN == 3) != (by&sealing.ByConfig != 0) || r.ConfigSVN != 0 && r.ConfigSVN != 3 {
			t.Errorf("%v: asked for %+v", by, r)
		}
		if h := info(t, blob); h.Separation != by {
			t.Errorf("%v: the header says %v", by, h.Separation)
		}
		opens(t, by.String(), s, blob, nil, []byte("secret"))
		for _, other := range all {
			if other != by {
				refused(t, other.String(), sealer(kss{cpu, 7}, other), blob, nil, nil)
				refused(t, other.String(), sealer(kss{cpu, 7}, other), with(blob, 11, byte(other)), nil, nil)
			}
		}
	}
	// Keys that do not offer it are not asked.
	fixed := newFixed()
	for name, s := range map[string]*sealing.Sealer{
		"no KSS":         sealer(cpu, sealing.ByFamily),
		"not all of it":  sealer(kss{cpu, sealing.ByConfig}, sealing.ByConfig|sealing.ByFamily),
		"no such":        sealer(kss{cpu, 0xFF}, 8),
		"fixed":          sealer(fixed, sealing.ByFamily),
		"fixed with KSS": sealer(kss{fixed, 7}, sealing.ByFamily),
	} {
		cpu.asked()
		blob, err := s.Seal([]byte("secret"), nil)
		if blob != nil || !errors.Is(err, errors.ErrUnsupported) || len(cpu.asked())+len(fixed.asked()) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Its versions have ceiling and floor.
	s := sealer(kss{cpu, 7}, sealing.ByConfig)
	blob := seal(t, s, []byte("secret"), nil)
	cpu.level.ConfigSVN = 2
	if _, err := s.Open(blob, nil); !errors.Is(err, sealing.ErrNewer) {
		t.Errorf("of a newer configuration: %v", err)
	}
	cpu.level.ConfigSVN, s.MinConfigSVN = 4, 4
	if _, err := s.Open(blob, nil); !errors.Is(err, sealing.ErrTooOld) {
		t.Errorf("of an older configuration: %v", err)
	}
	s.MinConfigSVN = 5
	if _, err := s.Open(blob, nil); err == nil || !strings.Contains(err.Error(), "itself below") {
		t.Errorf("older oneself: %v", err)
	}
	s.Separation = 0
	if _, err := s.Open(blob, nil); err == nil || !strings.Contains(err.Error(), "ByConfig") {
		t.Errorf("a floor for what has no versions: %v", err)
	}
	for s, want := range map[sealing.Separation]string{0: "none", 2: "ByFamily", 5: "ByConfig|ByExtendedProduct", 9: "Separation(9)"} {
		if s.String() != want {
			t.Errorf("%d is %q", uint8(s), s.String())
		}
	}
}
