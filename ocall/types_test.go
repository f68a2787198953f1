package ocall_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/cleave-sdk/cleave/ocall"
)

type (
	key       [16]byte
	wrapped   struct{ K key }
	node      struct{ Next *node }
	tree      struct{ Kids []tree }
	meta      struct{ fn func() }
	request   struct{ Meta meta }
	hidden    struct{ n int }
	embedding struct{ Entry }
	half      struct{ N int }
	appender  struct{ N int }
	envelope  struct{ k *map[string][]wrapped }
	oddByte   byte
	text      [4]byte
)

func (*key) NoOcall()                                {}
func (half) MarshalBinary() ([]byte, error)          { return nil, nil }
func (appender) AppendBinary([]byte) ([]byte, error) { return nil, nil }
func (*appender) UnmarshalBinary([]byte) error       { return nil }
func (envelope) AppendBinary([]byte) ([]byte, error) { return nil, nil }
func (*envelope) UnmarshalBinary([]byte) error       { return nil }
func (oddByte) MarshalBinary() ([]byte, error)       { return nil, nil }
func (oddByte) AppendBinary([]byte) ([]byte, error)  { return nil, nil }
func (*oddByte) UnmarshalBinary([]byte) error        { return nil }
func (text) MarshalText() ([]byte, error)            { return nil, nil }

// The fields exist to be refused.
var _ = []any{meta{fn: nil}.fn == nil, hidden{n: 0}.n, envelope{k: nil}.k}

// panics returns what f panics with.
func panics(f func()) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprint(p)
		}
	}()
	f()
	return "no panic"
}

func refusal[Req any]() string {
	f := ocall.Func[Req, []byte]{Name: "blob.load", Check: ocall.Unchecked[Req, []byte]}
	return panics(func() { _ = ocall.Service{f}.String() })
}

func TestRefusedTypes(t *testing.T) {
	for name, c := range map[string]struct{ got, want string }{
		"function":           {refusal[func()](), "blob.load: request: functions cannot cross"},
		"function inside":    {refusal[request](), "blob.load: request.Meta.fn: functions cannot cross"},
		"channel":            {refusal[chan int](), "request: channels cannot cross"},
		"interface":          {refusal[any](), "request: interfaces cannot cross"},
		"error":              {refusal[struct{ E error }](), "request.E: interfaces cannot cross"},
		"uintptr":            {refusal[[]uintptr](), "request[]: uintptr values cannot cross"},
		"unsafe":             {refusal[struct{ P reflect.Value }](), "request.P"},
		"complex":            {refusal[map[string]complex128](), "request[]: complex numbers cannot cross"},
		"pointer":            {refusal[*Entry](), "request: a pointer is an optional field"},
		"pointer to pointer": {refusal[struct{ P **int }](), "request.P: a pointer to what may be absent"},
		"pointer to time":    {refusal[struct{ P *time.Time }](), "request.P: a pointer to what may be absent"},
		"pointer cycle":      {refusal[node](), "request.Next: types that contain themselves"},
		"slice cycle":        {refusal[tree](), "request.Kids[]: types that contain themselves"},
		"map of structs":     {refusal[map[Entry]int](), "request: maps with keys of {Name string, Size uint64} cannot cross"},
		"map of floats":      {refusal[map[float64]int](), "maps with keys of float64"},
		"map of times":       {refusal[map[time.Time]int](), "maps with keys of time"},
		"map of interfaces":  {refusal[map[any]int](), "request[key]: interfaces cannot cross"},
		"unexported":         {refusal[hidden](), "request.n: unexported and embedded fields cannot cross"},
		"embedded":           {refusal[embedding](), "request.Entry: unexported and embedded fields cannot cross"},
		"big.Int":            {refusal[struct{ N big.Int }](), "request.N.neg: unexported"},
		"toarray":            {refusal[toArray](), "request._: fields with tag options"},
		"secret":             {refusal[key](), "request: secrets cannot cross"},
		"secret inside":      {refusal[map[string][]wrapped](), "request[][].K: secrets cannot cross"},
		"secret in a binary": {refusal[envelope](), "request: secrets cannot cross"},
		"secret optional":    {refusal[struct{ K *key }](), "request.K: secrets cannot cross"},
		"omitempty":          {refusal[omitting](), "request.N: fields with tag options"},
		"one name twice":     {refusal[twice](), "request: two fields of one name"},
		"odd name":           {refusal[odd](), "request.N: fields with odd names"},
		"only MarshalBinary": {refusal[half](), "request: types that encode themselves need"},
		"bytes of their own": {refusal[struct{ B []oddByte }](), "request.B: bytes that encode themselves"},
		"raw CBOR":           {refusal[cbor.RawMessage](), "request: types with a CBOR of their own"},
		"CBOR tag":           {refusal[struct{ T cbor.Tag }](), "request.T"},
		"too deep":           {refusal[deep](), "types of more than 32 levels"},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("%s: got %q, want %q", name, c.got, c.want)
		}
	}
}

type (
	toArray struct {
		_ struct{} `cbor:",toarray"`
		N int
	}
	omitting struct {
		N int `json:"n,omitempty"`
	}
	twice struct {
		A int `cbor:"n"`
		B int `json:"n"`
	}
	odd struct {
		N int `cbor:"n m"`
	}
	deep [][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][]int
)

func TestSignatures(t *testing.T) {
	for name, c := range map[string]struct{ got, want string }{
		"bool":     {ocall.Signature[bool](), "bool"},
		"bytes":    {ocall.Signature[json.RawMessage](), "[]byte"},
		"array":    {ocall.Signature[[sha256.Size]byte](), "[32]byte"},
		"text":     {ocall.Signature[text](), "[4]byte"},
		"struct":   {ocall.Signature[tagged](), "{n int, S []string, M map[[4]byte]*uint8}"},
		"empty":    {ocall.Signature[struct{}](), "{}"},
		"time":     {ocall.Signature[[]time.Time](), "[]time"},
		"address":  {ocall.Signature[struct{ A netip.Addr }](), "{A binary:Addr}"},
		"appender": {ocall.Signature[appender](), "binary:appender"},
		"inside":   {ocall.Signature[[]appender](), "[]binary:appender"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", name, c.got, c.want)
		}
	}
}

type tagged struct {
	N int      `json:"n"`
	X func()   `cbor:"-"`
	S []string `cbor:","`
	M map[text]*uint8
}

func TestDeclarations(t *testing.T) {
	ok := ocall.Func[string, []byte]{Name: "a", Check: ocall.Unchecked[string, []byte]}
	with := func(change func(*ocall.Func[string, []byte])) ocall.Func[string, []byte] {
		f := ok
		change(&f)
		return f
	}
	for name, c := range map[string]struct {
		service ocall.Service
		want    string
	}{
		"zero":           {ocall.Service{ocall.Func[string, string]{}}, "no name of a call"},
		"nil check":      {ocall.Service{ocall.Func[string, string]{Name: "blob.load"}}, "blob.load: Check is nil"},
		"odd name":       {ocall.Service{with(func(f *ocall.Func[string, []byte]) { f.Name = "a b" })}, `"a b": no name`},
		"long name":      {ocall.Service{with(func(f *ocall.Func[string, []byte]) { f.Name = strings.Repeat("a", 65) })}, "no name"},
		"negative limit": {ocall.Service{with(func(f *ocall.Func[string, []byte]) { f.MaxRequest = -1 })}, "a: MaxRequest and its like are"},
		"long array":     {ocall.Service{declare[[100]byte, [70_000]byte]("a")}, "a: response: is longer than its limit"},
		"huge limit":     {ocall.Service{with(func(f *ocall.Func[string, []byte]) { f.MaxResponse = 64<<20 + 1 })}, "a: MaxRequest and its like are"},
		"negative time":  {ocall.Service{with(func(f *ocall.Func[string, []byte]) { f.Timeout = -1 })}, "a: Timeout"},
		"twice":          {ocall.Service{ok, ok}, "a: declared twice"},
		"fine":           {ocall.Service{ok}, "no panic"},
		"none":           {nil, "no panic"},
	} {
		if got := panics(func() { c.service.Fingerprint() }); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestFingerprintCoversTheSurface(t *testing.T) {
	type a struct{ X, Y uint32 }
	type b struct{ Y, X uint32 }
	type c struct {
		X uint32
		Y uint64
	}
	one := func(m ocall.Method) [32]byte { return ocall.Service{m}.Fingerprint() }
	base := ocall.Func[a, string]{Name: "f", Check: ocall.Unchecked[a, string]}
	same := base
	same.Timeout, same.MaxRequest = time.Second, 64<<10
	if one(base) != one(same) {
		t.Error("Timeout, or a default written out, changed the fingerprint")
	}
	renamed, limited := base, base
	renamed.Name, limited.MaxResponse = "g", 1
	for name, got := range map[string][32]byte{
		"order":    one(ocall.Func[b, string]{Name: "f", Check: ocall.Unchecked[b, string]}),
		"kind":     one(ocall.Func[c, string]{Name: "f", Check: ocall.Unchecked[c, string]}),
		"response": one(ocall.Func[a, []byte]{Name: "f", Check: ocall.Unchecked[a, []byte]}),
		"name":     one(renamed),
		"limit":    one(limited),
		"none":     ocall.Service{}.Fingerprint(),
	} {
		if got == one(base) {
			t.Errorf("%s: not in the fingerprint", name)
		}
	}
	if (ocall.Service{base, renamed}).Fingerprint() != (ocall.Service{renamed, base}).Fingerprint() {
		t.Error("the order of a service changed its fingerprint")
	}
}

func TestURLCrossesWhole(t *testing.T) {
	u, _ := url.Parse("https://example.com/a?b")
	b, err := ocall.Encode(*u)
	if err != nil || string(b) != u.String() {
		t.Fatalf("%q, %v", b, err)
	}
	if got, err := ocall.Decode[url.URL](b); err != nil || got != *u {
		t.Errorf("%v, %v", got, err)
	}
}
