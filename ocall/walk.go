package ocall

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/fxamacker/cbor/v2"
)

// A Secret type never crosses: a service that has one anywhere in a request or
// response panics when it is assembled, be it inside a type that encodes itself.
// The method is not called.
type Secret interface{ NoOcall() }

// walker makes the shape of a type, or panics naming the path to what in it
// cannot cross.
type walker struct {
	above []reflect.Type // what is being walked: seen again, it is a cycle
}

func (w walker) walk(t reflect.Type, path string) *shape {
	if has[Secret](t) {
		refuse(path, "secrets cannot cross")
	}
	if slices.Contains(w.above, t) {
		refuse(path, "types that contain themselves cannot cross")
	}
	if len(w.above) == maxDepth {
		refuse(path, "types of more than 32 levels cannot cross")
	}
	s := w.shape(t, path)
	s.t = t
	return s.measured()
}

func (w walker) shape(t reflect.Type, path string) *shape {
	inside := walker{above: append(slices.Clip(w.above), t)}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return &shape{kind: timeKind, text: "time"}
	case t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && encodesItself(t):
		return w.binary(t, path)
	}
	return inside.kind(t, path)
}

func (w walker) kind(t reflect.Type, path string) *shape {
	switch k := t.Kind(); k {
	case reflect.Bool:
		return &shape{kind: boolKind, text: k.String()}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &shape{kind: intKind, n: 1<<(t.Bits()-1) - 1, text: k.String()}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &shape{kind: uintKind, n: 1<<(t.Bits()-1)<<1 - 1, text: k.String()}
	case reflect.Float32, reflect.Float64:
		return &shape{kind: floatKind, text: k.String()}
	case reflect.String:
		return &shape{kind: stringKind, text: k.String()}
	case reflect.Slice:
		return w.slice(t, path)
	case reflect.Array:
		return w.array(t, path)
	case reflect.Map:
		return w.mapping(t, path)
	case reflect.Pointer:
		return w.optional(t, path)
	case reflect.Struct:
		return w.structure(t, path)
	}
	refuse(path, nouns(t)+" cannot cross")
	return nil
}

func nouns(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Func:
		return "functions"
	case reflect.Chan:
		return "channels"
	case reflect.Interface:
		return "interfaces"
	case reflect.Complex64, reflect.Complex128:
		return "complex numbers"
	}
	return t.Kind().String() + " values"
}

func (w walker) slice(t reflect.Type, path string) *shape {
	elem := w.walk(t.Elem(), path+"[]")
	if isByte(t.Elem(), path) {
		return &shape{kind: bytesKind, text: "[]byte"}
	}
	return &shape{kind: sliceKind, elem: elem, text: "[]" + elem.text}
}

func (w walker) array(t reflect.Type, path string) *shape {
	n, elem := uint64(t.Len()), w.walk(t.Elem(), path+"[]")
	if isByte(t.Elem(), path) {
		return &shape{kind: arrayOfBytesKind, n: n, text: fmt.Sprintf("[%d]byte", n)}
	}
	return &shape{kind: arrayKind, n: n, elem: elem, text: fmt.Sprintf("[%d]%s", n, elem.text)}
}

// isByte refuses bytes that encode themselves: a string of them would have two
// encodings.
func isByte(t reflect.Type, path string) bool {
	if t.Kind() != reflect.Uint8 {
		return false
	}
	if encodesItself(t) {
		refuse(path, "bytes that encode themselves cannot cross")
	}
	return true
}

func (w walker) mapping(t reflect.Type, path string) *shape {
	key, elem := w.walk(t.Key(), path+"[key]"), w.walk(t.Elem(), path+"[]")
	if !slices.Contains([]shapeKind{boolKind, intKind, uintKind, stringKind, arrayOfBytesKind}, key.kind) {
		refuse(path, "maps with keys of "+key.text+" cannot cross")
	}
	return &shape{kind: mapKind, key: key, elem: elem, text: "map[" + key.text + "]" + elem.text}
}

func (w walker) optional(t reflect.Type, path string) *shape {
	elem := w.walk(t.Elem(), path)
	if elem.kind == optionalKind || elem.kind == timeKind {
		refuse(path, "a pointer to what may be absent already cannot cross")
	}
	return &shape{kind: optionalKind, elem: elem, text: "*" + elem.text}
}

func (w walker) structure(t reflect.Type, path string) *shape {
	s := &shape{kind: structKind}
	var signature []string
	for f := range t.Fields() {
		name, crosses := wireName(f, path+"."+f.Name)
		if !crosses {
			continue
		}
		field := field{key: appendText(nil, name), index: f.Index[0], shape: w.walk(f.Type, path+"."+f.Name)}
		if !f.IsExported() || f.Anonymous {
			refuse(path+"."+f.Name, "unexported and embedded fields cannot cross")
		}
		s.fields = append(s.fields, field)
		signature = append(signature, name+" "+field.shape.text)
	}
	s.text = "{" + strings.Join(signature, ", ") + "}"
	slices.SortFunc(s.fields, func(a, b field) int { return cmp.Compare(string(a.key), string(b.key)) })
	if same := slices.CompactFunc(slices.Clone(s.fields), sameKey); len(same) != len(s.fields) {
		refuse(path, "two fields of one name cannot cross")
	}
	return s
}

func sameKey(a, b field) bool { return string(a.key) == string(b.key) }

// wireName reads a field's tag as package cbor does, and takes no options: with
// omitempty and its like, a field has more than one encoding.
func wireName(f reflect.StructField, path string) (name string, crosses bool) {
	tag := cmp.Or(f.Tag.Get("cbor"), f.Tag.Get("json"))
	if tag == "-" {
		return "", false
	}
	name, options, _ := strings.Cut(tag, ",")
	if options != "" {
		refuse(path, "fields with tag options cannot cross: every field is written")
	}
	if strings.IndexFunc(name, oddInField) >= 0 {
		refuse(path, "fields with odd names cannot cross")
	}
	return cmp.Or(name, f.Name), true
}

func oddInField(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r)
}

// binary is a leaf: its inside is its own business, and so is checked by
// encoding what was decoded.
func (w walker) binary(t reflect.Type, path string) *shape {
	if has[cbor.Marshaler](t) || has[cbor.Unmarshaler](t) {
		refuse(path, "types with a CBOR of their own cannot cross")
	}
	if !has[encoding.BinaryAppender](t) || !has[encoding.BinaryUnmarshaler](t) {
		refuse(path, "types that encode themselves need AppendBinary and UnmarshalBinary")
	}
	if holdsSecret(t, nil) {
		refuse(path, "secrets cannot cross")
	}
	name, _, _ := strings.Cut(t.Name(), "[")
	return &shape{kind: binaryKind, text: "binary:" + name}
}

// holdsSecret looks for a Secret in everything that a t can hold, above apart,
// unexported fields included. What hides behind an interface it cannot see.
func holdsSecret(t reflect.Type, above []reflect.Type) bool {
	if has[Secret](t) {
		return true
	}
	if slices.Contains(above, t) {
		return false
	}
	above = append(slices.Clip(above), t)
	switch t.Kind() {
	case reflect.Map:
		return holdsSecret(t.Key(), above) || holdsSecret(t.Elem(), above)
	case reflect.Slice, reflect.Array, reflect.Pointer, reflect.Chan:
		return holdsSecret(t.Elem(), above)
	case reflect.Struct:
		for f := range t.Fields() {
			if holdsSecret(f.Type, above) {
				return true
			}
		}
	}
	return false
}

func encodesItself(t reflect.Type) bool {
	return has[cbor.Marshaler](t) || has[cbor.Unmarshaler](t) ||
		has[encoding.BinaryAppender](t) || has[encoding.BinaryMarshaler](t) || has[encoding.BinaryUnmarshaler](t)
}

// has reports whether a T, or a pointer to one, is an I.
func has[I any](t reflect.Type) bool {
	i := reflect.TypeFor[I]()
	return t.Implements(i) || reflect.PointerTo(t).Implements(i)
}
