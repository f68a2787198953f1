package ocall_test

import (
	"bytes"
	"crypto/sha256"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/quotes"
	"github.com/cleave-sdk/cleave/ocall/usual"
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

// ready is a ready-made call, as both halves have what the other one sent.
type ready func(t *testing.T, request, response []byte)

// readyMade are the calls that come with this module.
var readyMade = []ready{
	readyFunc(usual.Get), readyFunc(usual.Put), readyFunc(usual.List), readyFunc(usual.Delete),
	readyFunc(usual.TimeAsTheHostClaims), readyFunc(usual.Log), readyFunc(quotes.Target), readyFunc(quotes.Make),
}

func readyFunc[Req, Resp any](f ocall.Func[Req, Resp]) ready {
	requests, responses := ocall.Decoder[Req](uint32(f.MaxRequest)), ocall.Decoder[Resp](uint32(f.MaxResponse))
	return func(t *testing.T, request, response []byte) {
		req, asked := decoded(t, f.Name+": request", requests, request)
		resp, answered := decoded(t, f.Name+": response", responses, response)
		if asked && answered {
			f.Check(req, resp) // whatever it says, it does not panic
		}
	}
}

// decoded fails t if what b means is not what it says: a value has one encoding.
func decoded[T any](t *testing.T, what string, decode func([]byte) (T, error), b []byte) (v T, ok bool) {
	v, err := decode(bytes.Clone(b))
	if err != nil {
		return v, false
	}
	if again, err := ocall.Encode(v); err != nil || !bytes.Equal(again, b) {
		t.Errorf("%s: %x came back as %x, %v", what, b, again, err)
	}
	return v, true
}

// genuine adds a call as it is when nobody misbehaves, and cut anywhere.
func genuine[Req, Resp any](f *testing.F, call ocall.Func[Req, Resp], req Req, resp Resp) {
	if err := call.Check(req, resp); err != nil {
		f.Fatal(call.Name, err)
	}
	request, err := ocall.Encode(req)
	if err != nil {
		f.Fatal(err)
	}
	response, err := ocall.Encode(resp)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(request, response)
	for n := 0; n < len(request); n += 1 + n/64 {
		f.Add(request[:n], response)
	}
	for n := 0; n < len(response); n += 1 + n/64 {
		f.Add(request, response[:n])
	}
}

// huge is a length that nothing has, behind its head.
const huge = "\x7f\xff\xff\xff\xff\xff\xff\xff"

func FuzzPayloads(f *testing.F) {
	content := []byte("content")
	sum := sha256.Sum256(content)
	now := time.Date(2026, time.May, 4, 3, 2, 1, 500, time.UTC)
	genuine(f, usual.Get, usual.Want{Name: "a"}, content)
	genuine(f, usual.Get, usual.Want{Name: "a", SHA256: &sum}, content)
	genuine(f, usual.Put, usual.Blob{Name: "a", Content: content}, sum)
	genuine(f, usual.List, usual.Range{Prefix: "b.", After: "b.1"}, []string{"b.2", "b.3"})
	genuine(f, usual.Delete, "a", ocall.None{})
	genuine(f, usual.TimeAsTheHostClaims, usual.Bounds{NotBefore: now, Within: time.Hour}, now.Add(time.Minute))
	genuine(f, usual.TimeAsTheHostClaims, usual.Bounds{}, now)
	genuine(f, usual.Log, usual.Line{Level: slog.LevelWarn, Message: "full", Attrs: []usual.Attr{{Key: "free", Value: "0"}}}, ocall.None{})
	m, err := sim.New()
	if err != nil {
		f.Fatal(err)
	}
	target := m.QuotingEnclave()
	genuine(f, quotes.Target, struct{}{}, target.Append(nil))
	report := m.Enclave(sim.Identity{}).Report(target, [64]byte{1})
	quote, err := m.Quote(report)
	if err != nil {
		f.Fatal(err)
	}
	genuine(f, quotes.Make, report.Append(nil), quote)
	for _, odd := range []string{
		"", "\x60", "\x40", "\x80", "\xa0", "\xf6", "\x78\x192026-05-04T03:02:01+02:00", // of another zone
		"\x5b" + huge, "\x7b" + huge, "\x9b" + huge, "\xbb" + huge, "\xa2\x64Name\x7b" + huge,
	} {
		f.Add([]byte(odd), []byte(odd))
	}
	f.Fuzz(func(t *testing.T, request, response []byte) {
		for _, call := range readyMade {
			call(t, request, response)
		}
	})
}
