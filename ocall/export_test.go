package ocall

import "bytes"

const (
	InFlight   = inFlight
	MaxMessage = maxMessage
)

func ReframeHeader(b []byte) ([]byte, bool) {
	h, ok := parseHeader(b)
	return h.append(nil), ok
}

func RewriteHello(b []byte) ([]byte, error) {
	h, err := parseHello(b)
	return h.append(nil), err
}

func RewriteSurface(text string) (string, bool) {
	s, ok := parseSurface(text)
	if !ok {
		return "", false
	}
	return s.text, true
}

// Difference is what is said of a host with these lines by a trusted half with
// those. It is nil also for what is no surface.
func Difference(trusted, host string) error {
	ours, ok := parseSurface(trusted + "\n")
	theirs, ok2 := parseSurface(host + "\n")
	if !ok || !ok2 {
		return nil
	}
	return theirs.offers(ours)
}

func Encode[T any](v T) ([]byte, error) {
	var b bytes.Buffer
	c, _ := newCodec[T]("test: value")
	err := c.encode(&b, v)
	return b.Bytes(), err
}

func Decode[T any](b []byte) (T, error) {
	c, _ := newCodec[T]("test: value")
	return c.decode(b)
}

func Signature[T any]() string {
	_, s := newCodec[T]("call: request")
	return s
}

// Shaped reports whether b passes the first look at a T.
func Shaped[T any](b []byte) bool {
	c, _ := newCodec[T]("test: value")
	return c.(*cborCodec[T]).shape.check(b)
}

// Queued is what is written when first was begun, and later came meanwhile.
func Queued(first []byte, later ...[]byte) [][]byte {
	var q queue
	for _, frame := range later {
		q.push(frame)
	}
	q.unshift(first)
	return q
}
