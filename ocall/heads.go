package ocall

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

// Major types of RFC 8949, section 3.1, and the simple values used here.
const (
	majorUint, majorNegative, majorBytes, majorText = 0, 1, 2, 3
	majorArray, majorMap, majorSimple               = 4, 5, 7

	simpleFalse, simpleTrue, simpleNull = 0xf4, 0xf5, 0xf6
	half, single, double                = majorSimple<<5 | 25, majorSimple<<5 | 26, majorSimple<<5 | 27
)

// head reads a major type and its argument, in as few bytes as it takes.
func head(in *lebyte.String) (major uint8, n uint64, ok bool) {
	var first uint8
	if !in.Uint8(&first) {
		return 0, 0, false
	}
	major, info := first>>5, first&0x1f
	if info < 24 {
		return major, uint64(info), true
	}
	var b []byte
	if info > 27 || !in.Bytes(&b, 1<<(info-24)) {
		return 0, 0, false
	}
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return major, n, headLen(n) == 1+uint64(len(b))
}

func headLen(n uint64) uint64 {
	switch {
	case n < 24:
		return 1
	case n < 1<<8:
		return 2
	case n < 1<<16:
		return 3
	case n < 1<<32:
		return 5
	}
	return 9
}

func appendHead(b []byte, major uint8, n uint64) []byte {
	major <<= 5
	switch headLen(n) {
	case 1:
		return append(b, major|byte(n))
	case 2:
		return append(b, major|24, byte(n))
	case 3:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case 5:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

func appendInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendHead(b, majorNegative, uint64(^n))
	}
	return appendHead(b, majorUint, uint64(n))
}

func appendText(b []byte, s string) []byte {
	return append(appendHead(b, majorText, uint64(len(s))), s...)
}

func appendBytes(b, s []byte) []byte {
	return append(appendHead(b, majorBytes, uint64(len(s))), s...)
}

func simple(in *lebyte.String, value uint8) bool {
	if in.Empty() || (*in)[0] != value {
		return false
	}
	*in = (*in)[1:]
	return true
}

// str reads a string of that major type, aliasing the input.
func str(in *lebyte.String, want uint8) (b []byte, ok bool) {
	major, n, ok := head(in)
	ok = ok && major == want && in.Bytes(&b, n)
	return b, ok && (want != majorText || utf8.Valid(b))
}

// readFloat leaves it to the second encoding whether a shorter one would do.
func readFloat(in *lebyte.String) (f float64, ok bool) {
	var first uint8
	var b []byte
	if !in.Uint8(&first) || first < half || first > double || !in.Bytes(&b, 2<<(first-half)) {
		return 0, false
	}
	switch first {
	case half:
		return fromHalf(binary.BigEndian.Uint16(b)), true
	case single:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b))), true
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), true
}

// appendFloat takes the shortest form that keeps the value (RFC 8949, section
// 4.2.2), and one NaN.
func appendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) {
		return append(b, half, 0x7e, 0)
	}
	s := float32(f)
	if float64(s) != f {
		return binary.BigEndian.AppendUint64(append(b, double), math.Float64bits(f))
	}
	h := toHalf(s)
	if fromHalf(h) != f {
		return binary.BigEndian.AppendUint32(append(b, single), math.Float32bits(s))
	}
	return binary.BigEndian.AppendUint16(append(b, half), h)
}

// fromHalf is IEEE 754 binary16: a sign, 5 bits of exponent, 10 of fraction.
func fromHalf(h uint16) float64 {
	exponent, fraction := int(h>>10&0x1f), float64(h&0x3ff)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(fraction, -24)
	case 31:
		if f = math.Inf(1); fraction != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(1024+fraction, exponent-25)
	}
	if h>>15 == 1 {
		return math.Copysign(f, -1)
	}
	return f
}

// toHalf drops what does not fit: its caller compares.
func toHalf(f float32) uint16 {
	bits := math.Float32bits(f)
	sign, exponent, fraction := uint16(bits>>16&0x8000), int(bits>>23&0xff)-127, bits&0x7fffff
	switch {
	case exponent > 15: // infinity, or too large
		return sign | 0x7c00
	case exponent >= -14:
		return sign | uint16(exponent+15)<<10 | uint16(fraction>>13)
	case exponent >= -24:
		return sign | uint16((fraction|1<<23)>>(-exponent-1))
	}
	return sign
}
