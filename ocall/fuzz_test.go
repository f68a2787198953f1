package ocall_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/ocall"
)

func FuzzHeader(f *testing.F) {
	f.Add(asked{kind: kindAnswer, call: 3, slot: 63, uses: 1 << 31, length: 1 << 16}.bytes())
	f.Add(make([]byte, 16))
	f.Fuzz(func(t *testing.T, b []byte) {
		if again, ok := ocall.ReframeHeader(b); ok && !bytes.Equal(again, b) {
			t.Errorf("%x came back as %x", b, again)
		}
	})
}

func TestHeaderOfEveryOtherLength(t *testing.T) {
	whole := asked{kind: kindAnswer, call: 3, slot: 63, uses: 1, length: 9}.bytes()
	for n := range whole {
		if _, ok := ocall.ReframeHeader(whole[:n]); ok {
			t.Errorf("%d of 16 bytes were accepted", n)
		}
	}
	if _, ok := ocall.ReframeHeader(append(whole, 0)); ok {
		t.Error("17 bytes were accepted")
	}
}

func FuzzHello(f *testing.F) {
	f.Add(helloOf(Service)[16:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if again, err := ocall.RewriteHello(b); err == nil && !bytes.Equal(again, b) {
			t.Errorf("%x came back as %x", b, again)
		}
	})
}

func FuzzSurface(f *testing.F) {
	f.Add(Service.String())
	f.Add("")
	f.Add("f({A {B int}} max=1) {} max=1\n")
	f.Fuzz(func(t *testing.T, text string) {
		if again, ok := ocall.RewriteSurface(text); ok && again != text {
			t.Errorf("%q came back as %q", text, again)
		}
		const own = "f({A {B int, C bool}} max=1) []{D int} max=1"
		ocall.Difference(own, strings.TrimSuffix(text, "\n"))
		ocall.Difference(strings.TrimSuffix(text, "\n"), own)
	})
}

func FuzzDecode(f *testing.F) {
	b, err := ocall.Encode(everything())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(entryOfA)
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzzDecode[all](t, b)
		fuzzDecode[Entry](t, b)
		fuzzDecode[[]map[int16]*[2]float32](t, b)
	})
}

func fuzzDecode[T any](t *testing.T, b []byte) {
	v, err := ocall.Decode[T](bytes.Clone(b))
	if err != nil {
		return
	}
	again, err := ocall.Encode(v)
	if err != nil || !bytes.Equal(again, b) {
		t.Errorf("%x came back as %x, %v", b, again, err)
	}
}

// Whatever is encoded must pass the check of its shape: the two describe one
// format.
func FuzzEncode(f *testing.F) {
	f.Add(int64(-1), uint64(24), "a", []byte("b"), 0.1, float32(3e38), true)
	f.Fuzz(func(t *testing.T, i int64, u uint64, s string, b []byte, d float64, e float32, opt bool) {
		v := everything()
		v.I, v.I8, v.U16, v.U, v.S, v.Bytes, v.F, v.F32, v.B = int(i), int8(i), uint16(u), u, "s"+string([]rune(s)), b, d, e, opt
		v.List, v.Map = []string{v.S}, map[string]int{v.S: int(i), "": 1}
		v.When = v.When.AddDate(0, 0, int(uint16(u)))
		if opt {
			v.Opt = nil
		}
		enc, err := ocall.Encode(v)
		if err != nil {
			t.Skip()
		}
		if _, err := ocall.Decode[all](enc); err != nil {
			t.Errorf("%x: %v", enc, err)
		}
	})
}
