package ocall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A DeclaredError is an error that the host may answer a call with, and that
// comes back as such: see ErrorType and ErrorValue. It is still no more than
// what the host says.
type DeclaredError interface{ declare(path string) *declared }

// ErrorType declares the errors of type T: when a handler returns one, or an
// error that wraps one, the caller finds it by [errors.As]. The code, written
// like the name of a call, stands for it in the surface. T crosses like any
// value, in at most 1024 bytes.
func ErrorType[T error](code string) DeclaredError { return errorType[T](code) }

// ErrorValue declares one error: when a handler returns it, or an error that
// wraps it, the caller finds it by [errors.Is]. The errors that a caller gets
// without its host are refused: those of this package, of package context, and
// [io.EOF].
func ErrorValue(code string, err error) DeclaredError { return errorValue{code, err} }

// declared is a DeclaredError as Call and Handle use it.
type declared struct {
	code   string
	text   string // of its type, in a signature
	append func(b []byte, err error) (_ []byte, is bool)
	decode func(body []byte) (error, error)
}

type errorType[T error] string

func (code errorType[T]) declare(path string) *declared {
	c, text := newCodec[T](path+": error "+string(code), maxMessage)
	return &declared{
		code: string(code),
		text: text,
		append: func(b []byte, err error) ([]byte, bool) {
			var e T
			if !errors.As(err, &e) {
				return b, false
			}
			b, err = c.append(b, e)
			return b, err == nil
		},
		decode: func(body []byte) (error, error) { return c.decode(body) },
	}
}

type errorValue struct {
	code string
	err  error
}

func (e errorValue) declare(path string) *declared {
	if e.err == nil {
		refuse(path, "error "+e.code+" is nil")
	}
	for _, own := range []error{ErrViolation, ErrClosed, ErrMismatch, ErrLimit, context.Canceled, context.DeadlineExceeded, io.EOF} {
		if errors.Is(e.err, own) {
			refuse(path, "error "+e.code+" is what a caller concludes without its host")
		}
	}
	return &declared{
		code:   e.code,
		append: func(b []byte, err error) ([]byte, bool) { return b, errors.Is(err, e.err) },
		decode: func(body []byte) (error, error) {
			if len(body) > 0 {
				return nil, errShape
			}
			return e.err, nil
		},
	}
}

// declareErrors returns the set of a call, and its part of the surface.
func declareErrors(name string, errs []DeclaredError) (set []*declared, text string) {
	if len(errs) > maxErrors {
		refuse(name, "more than 255 errors")
	}
	for _, e := range errs {
		d := e.declare(name)
		if !validName(d.code) {
			refuse(name, fmt.Sprintf("%q is no code of an error: 1 to 64 letters, digits, '.', '_', '-' and '/'", d.code))
		}
		for _, other := range set {
			if other.code == d.code {
				refuse(name, "error "+d.code+" declared twice")
			}
		}
		set = append(set, d)
		text += " or " + strings.TrimSuffix(d.code+" "+d.text, " ")
	}
	return set, text
}

// appendFailure appends the body of a failure: the number of a declared error
// and its encoding, or zero and a text.
func (m *method) appendFailure(b []byte, err error) []byte {
	for i, d := range m.errors {
		if own, is := d.append(append(b, byte(i+1)), err); is && len(own)-len(b) <= 1+maxMessage {
			return own
		}
	}
	text := err.Error()
	return append(append(b, 0), text[:min(len(text), maxMessage)]...)
}

// hostError reads one.
func (m *method) hostError(body []byte) error {
	number, body := int(body[0]), body[1:]
	if number == 0 {
		return &HostError{Call: m.name, Message: string(body)}
	}
	if number > len(m.errors) {
		return violation("an error that was not declared")
	}
	d := m.errors[number-1]
	is, err := claim(d, body)
	if err != nil {
		return violation("its error is no %s: %.128q", d.code, err.Error())
	}
	return &HostError{Call: m.name, Code: d.code, Message: sentence(is), is: is}
}

// claimed is what the host said to end a stream, not decoded yet: that may run
// code of the caller's, which must not hold up other calls.
type claimed struct {
	method *method
	body   []byte
}

func (c *claimed) Error() string { return "the host ended the stream with an error" }

// heard is err, decoded if it is claimed.
func heard(err error) error {
	if c, is := err.(*claimed); is {
		return c.method.hostError(c.body)
	}
	return err
}

// claim decodes in the trusted half what may panic over the host's bytes.
func claim(d *declared, body []byte) (is, err error) {
	defer func() {
		if recover() != nil {
			err = errShape
		}
	}()
	return d.decode(body)
}

func sentence(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = ""
		}
	}()
	text = err.Error()
	return text[:min(len(text), maxMessage)]
}
