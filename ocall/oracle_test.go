package ocall_test

import (
	"bytes"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/cleave-sdk/cleave/ocall"
)

// oracle is a second opinion on what the one encoding of a value is: package
// cbor with every option that restricts, and then the value encoded again.
type oracle struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

func newOracle(t testing.TB) oracle {
	write := cbor.CoreDetEncOptions()
	write.NilContainers = cbor.NilContainerAsEmpty
	write.Time = cbor.TimeRFC3339NanoUTC
	write.TagsMd = cbor.TagsForbidden
	enc, err := write.EncMode()
	dec, err2 := cbor.DecOptions{
		DupMapKey:           cbor.DupMapKeyEnforcedAPF,
		IndefLength:         cbor.IndefLengthForbidden,
		TagsMd:              cbor.TagsForbidden,
		ExtraReturnErrors:   cbor.ExtraDecErrorUnknownField,
		FieldNameMatching:   cbor.FieldNameMatchingCaseSensitive,
		FieldNameByteString: cbor.FieldNameByteStringForbidden,
		ByteStringToString:  cbor.ByteStringToStringForbidden,
		ByteStringToTime:    cbor.ByteStringToTimeForbidden,
		BignumTag:           cbor.BignumTagForbidden,
		UTF8:                cbor.UTF8RejectInvalid,
	}.DecMode()
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return oracle{enc, dec}
}

// accepts reports whether b is the encoding of a T.
func accepts[T any](o oracle, b []byte) bool {
	var v T
	if o.dec.Unmarshal(b, &v) != nil {
		return false
	}
	again, err := o.enc.Marshal(v)
	return err == nil && bytes.Equal(again, b)
}

// The library knows no missing fields, and takes null for the zero value: it may
// accept more, never less.
func agree[T any](t *testing.T, o oracle, b []byte) {
	t.Helper()
	v, err := ocall.Decode[T](bytes.Clone(b))
	if err == nil && !accepts[T](o, b) {
		t.Errorf("%x: accepted as %+v, but not by package cbor", b, v)
	}
	if err == nil {
		want, err := o.enc.Marshal(v)
		if got, err2 := ocall.Encode(v); err != nil || err2 != nil || !bytes.Equal(got, want) {
			t.Errorf("%+v: %x here, %x by package cbor, %v, %v", v, got, want, err, err2)
		}
	}
}

func FuzzOracle(f *testing.F) {
	b, err := ocall.Encode(everything())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(entryOfA)
	f.Add([]byte("\x82\xf9\x3c\x00\xfb\x3f\xb9\x99\x99\x99\x99\x99\x9a"))
	o := newOracle(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		agree[all](t, o, b)
		agree[Entry](t, o, b)
		agree[[]float64](t, o, b)
		agree[map[int16]string](t, o, b)
	})
}

func TestFloatsAsTheOracleHasThem(t *testing.T) {
	o := newOracle(t)
	for _, f := range []float64{
		0, math.Copysign(0, -1), 1, -1.5, 0.1, 65504, 65505, 65519, 65520, 65536, math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat32, math.MaxFloat64,
		math.SmallestNonzeroFloat32, math.SmallestNonzeroFloat64, 0x1p-14, 0x1p-15, 0x1p-24, 0x1.8p-24, 0x1p-25, 0x1.ffcp-15, 0x1.ff8p-15, 3.0e-8, 1.00048828125, 1.0009765625,
	} {
		want, err := o.enc.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ocall.Encode(f); !bytes.Equal(got, want) {
			t.Errorf("%v: %x, want %x, %v", f, got, want, err)
		}
		if got, err := ocall.Decode[float64](want); math.Float64bits(got) != math.Float64bits(f) && !math.IsNaN(f) || err != nil {
			t.Errorf("%x: %v, want %v, %v", want, got, f, err)
		}
	}
}

// Every half-precision number, both ways.
func TestAllHalves(t *testing.T) {
	o := newOracle(t)
	for h := range 1 << 16 {
		b := []byte{0xf9, byte(h >> 8), byte(h)}
		var want float64
		if err := o.dec.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		got, err := ocall.Decode[float64](b)
		if nan := math.IsNaN(want); err != nil && (!nan || h == 0x7e00) || err == nil && !nan && math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%x: %v, want %v, %v", b, got, want, err)
		}
	}
}

func TestWhatHasNoEncoding(t *testing.T) {
	if b, err := ocall.Encode("\xff"); err == nil {
		t.Errorf("a string that is not UTF-8: %x", b)
	}
	if b, err := ocall.Encode(everything().When.AddDate(9000, 0, 0)); err == nil {
		t.Errorf("a time after the year 9999: %x", b)
	}
}

// Whatever is sent, what is set aside is at most 16 times the limit, and once
// the limit for the second encoding, which may or may not be there from before.
// Two more allow for how the allocator rounds.
func TestMemoryIsBoundedByTheLimit(t *testing.T) {
	const limit = 64 << 10
	list := func(elem string) []byte {
		n := (limit - 5) / len(elem)
		return append([]byte{0x99, byte(n >> 8), byte(n)}, strings.Repeat(elem, n)...)
	}
	maps := make(map[uint32]bool)
	for i := range uint32(10_000) {
		maps[i] = true
	}
	large, err := ocall.Encode(maps)
	if err != nil {
		t.Fatal(err)
	}
	for name, decode := range map[string]func() error{
		"empty maps":          limited[[]map[string]int](list("\xa0"), limit),
		"maps of one":         limited[[]map[string]int](list("\xa1\x60\x00"), limit),
		"maps of byte arrays": limited[[]map[[1]byte]bool](list("\xa1\x41\x00\xf4"), limit),
		"empty lists":         limited[[][]string](list("\x80"), limit),
		"lists of one":        limited[[][]string](list("\x81\x60"), limit),
		"empty strings":       limited[[]string](list("\x60"), limit),
		"strings of one":      limited[[]string](list("\x61a"), limit),
		"byte strings of one": limited[[][]byte](list("\x41a"), limit),
		"optional values":     limited[[]*[4]uint64](list("\x84\x00\x00\x00\x00"), limit),
		"absent values":       limited[[]*[4]uint64](list("\xf6"), limit),
		"times":               limited[[]struct{ T *int }](list("\xa1\x61T\x00"), limit),
		"small numbers":       limited[[]int64](list("\x00"), limit),
		"a large map":         limited[map[uint32]bool](large, limit),
		"lists in lists":      limited[[][][][]int8](list("\x81\x81\x81\x00"), limit),
	} {
		var err error
		got := allocated(func() { err = decode() })
		t.Logf("%s: %d times the limit, %v", name, (got+limit/2)/limit, err)
		if got > 19*limit {
			t.Errorf("%s: %d bytes for a limit of %d, %v", name, got, limit, err)
		}
	}
	if _, err := ocall.DecodeLimited[[]string](list("\x60"), limit); err != nil {
		t.Error("empty strings up to the limit should fit:", err)
	}
	if _, err := ocall.DecodeLimited[[]map[string]int](list("\xa0"), limit); err == nil || !strings.Contains(err.Error(), "memory") {
		t.Error("a limit's worth of empty maps:", err)
	}
}

// limited decodes b as a T again and again, so that what is measured is that
// alone.
func limited[T any](b []byte, limit uint32) func() error {
	decode := ocall.Decoder[T](limit)
	return func() error {
		v, err := decode(b)
		runtime.KeepAlive(v)
		return err
	}
}
