package ocall_test

import (
	"encoding/hex"
	"errors"
	"math"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cleave-sdk/cleave/ocall"
)

// all has one of everything that can cross.
type all struct {
	B     bool
	I     int
	I8    int8
	U16   uint16
	U     uint64
	F     float64
	F32   float32
	S     string
	Bytes []byte
	Fixed [4]byte
	List  []string
	Two   [2]uint16
	Map   map[string]int
	Ints  map[int8]bool
	Opt   *Entry
	Nil   *Entry
	When  time.Time
	Addr  netip.Addr
	Long  struct {
		A_name_longer_than_twenty_three_bytes int
	} `json:"long"`
}

func everything() all {
	v := all{
		B: true, I: -1000, I8: -128, U16: 65535, U: math.MaxUint64, F: 0.1, F32: 1.5, S: "ünï\x00",
		Bytes: []byte{1, 2}, Fixed: [4]byte{9}, List: []string{"", "a"}, Two: [2]uint16{23, 24},
		Map: map[string]int{"b": 1, "aa": 2, "": math.MinInt64}, Ints: map[int8]bool{-1: true, 0: false, 100: true},
		Opt: &Entry{Name: "x", Size: 256}, When: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Addr: netip.MustParseAddr("::1%eth0"),
	}
	v.Long.A_name_longer_than_twenty_three_bytes = 7
	return v
}

func TestEverythingCrosses(t *testing.T) {
	b, err := ocall.Encode(everything())
	if err != nil {
		t.Fatal(err)
	}
	got, err := ocall.Decode[all](b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(everything(), got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
	for n := range b {
		if _, err := ocall.Decode[all](b[:n]); err == nil {
			t.Fatalf("%d of %d bytes were accepted", n, len(b))
		}
	}
}

func TestNilArrivesEmpty(t *testing.T) {
	b, err := ocall.Encode(all{Addr: netip.MustParseAddr("1.2.3.4")})
	if err != nil {
		t.Fatal(err)
	}
	got, err := ocall.Decode[all](b)
	if err != nil || got.List == nil || got.Bytes == nil || got.Map == nil || got.Opt != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// What a hostile host may send for an Entry {Name: "a", Size: 1}.
func TestOneEncodingOnly(t *testing.T) {
	good := "a2 64 4e616d65 6161 64 53697a65 01"
	for name, b := range map[string]string{
		"empty":            "",
		"trailing bytes":   good + "00",
		"second value":     good + good,
		"length not short": "a2 64 4e616d65 7801 61 64 53697a65 01",
		"int not short":    "a2 64 4e616d65 6161 64 53697a65 1801",
		"map not short":    "b802 64 4e616d65 6161 64 53697a65 01",
		"indefinite map":   "bf 64 4e616d65 6161 64 53697a65 01 ff",
		"indefinite text":  "a2 64 4e616d65 7f6161ff 64 53697a65 01",
		"unsorted":         "a2 64 53697a65 01 64 4e616d65 6161",
		"duplicate key":    "a2 64 4e616d65 6161 64 4e616d65 6161",
		"third, duplicate": "a3 64 4e616d65 6161 64 53697a65 01 64 53697a65 01",
		"unknown field":    "a3 64 4e616d65 6161 64 53697a65 01 64 58797a78 01",
		"missing field":    "a1 64 4e616d65 6161",
		"no field":         "a0",
		"other case":       "a2 64 6e616d65 6161 64 53697a65 01",
		"key as bytes":     "a2 44 4e616d65 6161 64 53697a65 01",
		"null":             "f6",
		"undefined":        "f7",
		"null field":       "a2 64 4e616d65 f6 64 53697a65 01",
		"negative":         "a2 64 4e616d65 6161 64 53697a65 20",
		"float":            "a2 64 4e616d65 6161 64 53697a65 f93c00",
		"too large":        "a2 64 4e616d65 6161 64 53697a65 c249010000000000000000",
		"tagged":           "d9d9f7" + good,
		"bad UTF-8":        "a2 64 4e616d65 61ff 64 53697a65 01",
		"bytes for text":   "a2 64 4e616d65 4161 64 53697a65 01",
		"lying text":       "a2 64 4e616d65 7b7fffffffffffffff 61",
		"lying map":        "bbffffffffffffffff",
		"array":            "82 6161 01",
		"reserved head":    "a2 64 4e616d65 6161 64 53697a65 1c",
	} {
		raw, err := hex.DecodeString(strings.ReplaceAll(b, " ", ""))
		if err != nil {
			t.Fatal(name, err)
		}
		if v, err := ocall.Decode[Entry](raw); err == nil {
			t.Errorf("%s: accepted as %+v", name, v)
		}
	}
	raw, _ := hex.DecodeString(strings.ReplaceAll(good, " ", ""))
	if v, err := ocall.Decode[Entry](raw); err != nil || v != (Entry{"a", 1}) {
		t.Errorf("the one encoding: %+v, %v", v, err)
	}
}

func refused[T any](s string) bool {
	raw, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	_, err = ocall.Decode[T](raw)
	return err != nil
}

func TestOtherShapes(t *testing.T) {
	for name, ok := range map[string]bool{
		"short array":         refused[[][4]byte]("8143010203"),
		"long array":          refused[[][4]byte]("81450102030405"),
		"whole array, short":  refused[[4]byte]("010203"),
		"whole array, long":   refused[[4]byte]("0102030405"),
		"short list":          refused[[2]int]("8101"),
		"bytes as a list":     refused[[][4]byte]("818401020304"),
		"int8 over":           refused[int8]("1880"),
		"int8 under":          refused[int8]("3880"),
		"uint8 over":          refused[uint8]("190100"),
		"bool as int":         refused[bool]("01"),
		"int as bool":         refused[int]("f5"),
		"long float":          refused[float64]("fb3ff0000000000000"),
		"odd NaN":             refused[float64]("f97e01"),
		"float32 over":        refused[float32]("fb3fb999999999999a"),
		"map unsorted":        refused[map[string]int]("a2616201616101"),
		"map duplicate":       refused[map[string]int]("a2616101616101"),
		"map keys by length":  refused[map[string]int]("a262616101616201"),
		"null slice":          refused[[]int]("f6"),
		"time as a number":    refused[time.Time]("01"),
		"time with a zone":    refused[time.Time]("7819" + hex.EncodeToString([]byte("2026-01-02T03:04:05+01:00"))),
		"time with zeros":     refused[time.Time]("76" + hex.EncodeToString([]byte("2026-01-02T03:04:05.0Z"))),
		"address of 3 bytes":  refused[struct{ A netip.Addr }]("a1614143010203"),
		"URL not its own":     refused[netip.AddrPort]("00"),
		"whole address, long": refused[netip.Addr]("0102030405"),
	} {
		if !ok {
			t.Errorf("%s: accepted", name)
		}
	}
}

// double encodes itself, and no more than it must for that.
type double byte

func (d double) AppendBinary(b []byte) ([]byte, error) { return append(b, byte(d), byte(d)), nil }
func (d *double) UnmarshalBinary(b []byte) error {
	if len(b) != 2 || b[0] != b[1] {
		return errors.New("not twice the same")
	}
	*d = double(b[0])
	return nil
}

func TestEncodingsByHand(t *testing.T) {
	type both struct {
		D double
		P *double
	}
	five := double(5)
	for name, c := range map[string]struct {
		encode func() ([]byte, error)
		want   string
		decode func([]byte) (any, error)
	}{
		"array":  {func() ([]byte, error) { return ocall.Encode([4]byte{1, 2, 3, 4}) }, "01020304", func(b []byte) (any, error) { return ocall.Decode[[4]byte](b) }},
		"bytes":  {func() ([]byte, error) { return ocall.Encode([]byte{1, 2}) }, "0102", func(b []byte) (any, error) { return ocall.Decode[[]byte](b) }},
		"inside": {func() ([]byte, error) { return ocall.Encode([][2]byte{{1, 2}}) }, "81420102", func(b []byte) (any, error) { return ocall.Decode[[][2]byte](b) }},
		"own":    {func() ([]byte, error) { return ocall.Encode(both{4, &five}) }, "a26144420404615042" + "0505", func(b []byte) (any, error) { return ocall.Decode[both](b) }},
	} {
		b, err := c.encode()
		if err != nil || hex.EncodeToString(b) != c.want {
			t.Errorf("%s: %x, %v", name, b, err)
		}
		if _, err := c.decode(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ocall.Decode[double]([]byte{1, 2}); err == nil {
		t.Error("not twice the same")
	}
}

// A byte of CBOR must not become a thousand of memory.
func TestMemoryFollowsTheBytes(t *testing.T) {
	type big struct{ Blocks [16][64]uint64 }
	nulls := append([]byte{0x9a, 0, 1, 0, 0}, strings.Repeat("\xf6", 1<<16)...)
	empty := append([]byte{0x9a, 0, 1, 0, 0}, strings.Repeat("\xa0", 1<<16)...)
	lying := []byte{0x9a, 0xff, 0xff, 0xff, 0xff, 0}
	for name, b := range map[string][]byte{"nulls": nulls, "empty maps": empty, "lying count": lying} {
		got := allocated(func() {
			if _, err := ocall.Decode[[]big](b); err == nil {
				t.Errorf("%s: accepted", name)
			}
		})
		if got > 1<<16 {
			t.Errorf("%s: %d bytes took %d of memory", name, len(b), got)
		}
	}
}

// allocated is how much memory f sets aside, as a mean of a few runs.
func allocated(f func()) uint64 {
	const runs = 8
	var before, after runtime.MemStats
	f()
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / runs
}
