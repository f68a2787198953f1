package aesm_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/cleave-sdk/cleave/internal/aesm"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// frame puts the length before a message.
func frame(message ...byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(message))), message...)
}

// in is a response with one message.
func in(number protowire.Number, message ...byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), message)
}

// success is a message with error 0 and one field of bytes or, of nil, a number.
func success(number protowire.Number, b []byte, n uint64) []byte {
	m := []byte{0x08, 0}
	if b != nil {
		return protowire.AppendBytes(protowire.AppendTag(m, number, protowire.BytesType), b)
	}
	return protowire.AppendVarint(protowire.AppendTag(m, number, protowire.VarintType), n)
}

// until answers what is asked before the given exchange as a good service.
func until(t *testing.T, last exchange, answer []byte) [][]byte {
	t.Helper()
	var answers [][]byte
	for _, e := range []exchange{countKeys, listKeys, askHash, askTarget, askSize, askQuote} {
		if e == last {
			return append(answers, answer)
		}
		if (last != askSize && last != askQuote) || e != askHash && e != askTarget {
			answers = append(answers, wire(t, e.response))
		}
	}
	t.Fatal("no such exchange")
	return nil
}

// ask asks for a target or, if that comes before it, a quote.
func ask(t *testing.T, last exchange, answer []byte) error {
	t.Helper()
	socket, _ := answering(t, until(t, last, answer)...)
	c := &aesm.Client{Socket: socket}
	if last == askSize || last == askQuote {
		quote, err := c.Quote(t.Context(), report(9))
		if (err == nil) != (quote != nil) {
			t.Errorf("a quote of %d bytes and %v", len(quote), err)
		}
		return err
	}
	target, err := c.Target(t.Context())
	if err != nil && target != (sgx.TargetInfo{}) {
		t.Error("a target and an error")
	}
	return err
}

var everyExchange = map[string]exchange{"count": countKeys, "keys": listKeys, "hash": askHash, "target": askTarget, "size": askSize, "quote": askQuote}

// Whatever is cut off, the error says that the service hung up, by type.
func TestAnswersCutOff(t *testing.T) {
	for name, e := range everyExchange {
		whole := wire(t, e.response)
		for n := range whole {
			if m, err := aesm.Receive(bytes.NewReader(whole[:n])); m != nil || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s cut to %d bytes: %v", name, n, err)
			}
		}
		for _, n := range []int{0, 1, 4, 5, len(whole) / 2, len(whole) - 1} {
			err := ask(t, e, whole[:n])
			var typed *aesm.Error
			if !errors.As(err, &typed) || typed.Code != 0 || !errors.Is(err, aesm.ErrUnavailable) {
				t.Errorf("%s cut to %d bytes: %v", name, n, err)
			}
		}
	}
}

// A message that is cut, and says so truthfully, is no message.
func TestMessagesCutOff(t *testing.T) {
	for name, e := range everyExchange {
		message := wire(t, e.response)[4:]
		for n := range message {
			if m, err := aesm.Receive(bytes.NewReader(frame(message[:n]...))); m != nil || err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s cut to %d bytes: %v", name, n, err)
			}
		}
	}
}

func TestAnswersRefused(t *testing.T) {
	quote := quoteOf(report(9))
	quoteAnswer := func(quote []byte) []byte { return frame(in(17, success(2, quote, 0)...)...) }
	signature := func(n uint32) []byte {
		b := bytes.Clone(quote)
		binary.LittleEndian.PutUint32(b[432:], n)
		return b
	}
	for name, row := range map[string]struct {
		at     exchange
		answer []byte
	}{
		"no bytes":                  {countKeys, frame()},
		"4 GB":                      {countKeys, []byte{0xff, 0xff, 0xff, 0xff}},
		"one byte too many":         {countKeys, frame(make([]byte, 68<<10+1)...)},
		"another kind":              {countKeys, frame(in(22, success(2, make([]byte, 256), 0)...)...)},
		"a kind there is not":       {countKeys, frame(in(23, success(2, nil, 1)...)...)},
		"a kind of older machines":  {countKeys, frame(in(1, success(2, make([]byte, 512), 0)...)...)},
		"two kinds":                 {countKeys, frame(append(in(21, success(2, nil, 1)...), in(22, success(2, make([]byte, 256), 0)...)...)...)},
		"one kind twice":            {countKeys, frame(append(in(21, success(2, nil, 1)...), in(21, success(2, nil, 1)...)...)...)},
		"something after it":        {countKeys, frame(append(in(21, success(2, nil, 1)...), 0)...)},
		"no error field":            {countKeys, frame(in(21, 0x10, 1)...)},
		"an error of bytes":         {countKeys, frame(in(21, 0x0a, 0, 0x10, 1)...)},
		"not protobuf":              {countKeys, frame([]byte("HTTP/1.1 400 Bad Request")...)},
		"a number, not a message":   {countKeys, frame(0xa8, 0x01, 0x01)},
		"a group":                   {countKeys, frame(0xab, 0x01, 0xac, 0x01)},
		"no keys":                   {countKeys, frame(in(21, success(2, nil, 0)...)...)},
		"no count":                  {countKeys, frame(in(21, 0x08, 0)...)},
		"eleven keys":               {countKeys, frame(in(21, success(2, nil, 11)...)...)},
		"2^24 keys":                 {countKeys, frame(in(21, success(2, nil, 1<<24)...)...)},
		"fewer keys than counted":   {listKeys, frame(in(22, success(2, make([]byte, 255), 0)...)...)},
		"more keys than counted":    {listKeys, frame(in(22, success(2, make([]byte, 512), 0)...)...)},
		"no key for ECDSA":          {listKeys, frame(in(22, success(2, make([]byte, 256), 0)...)...)},
		"target not 512 bytes":      {askTarget, frame(in(15, success(2, make([]byte, 511), 0)...)...)},
		"target with reserved bits": {askTarget, frame(in(15, success(2, fill(nil, 512, 1), 0)...)...)},
		"no target":                 {askTarget, frame(in(15, 0x08, 0)...)},
		"size zero":                 {askSize, frame(in(16, success(2, nil, 0)...)...)},
		"no size":                   {askSize, frame(in(16, 0x08, 0)...)},
		"size of a header":          {askSize, frame(in(16, success(2, nil, 432)...)...)},
		"size of 4 GB":              {askSize, frame(in(16, success(2, nil, 1<<32-1)...)...)},
		"no quote":                  {askQuote, frame(in(17, 0x08, 0)...)},
		"quote cut":                 {askQuote, quoteAnswer(quote[:quoteSize-1])},
		"quote without signature":   {askQuote, quoteAnswer(signature(0))},
		"signature too long":        {askQuote, quoteAnswer(signature(signatureSize + 1))},
		"signature of 4 GB":         {askQuote, quoteAnswer(signature(1<<32 - 1))},
		"more than asked for":       {askQuote, quoteAnswer(append(bytes.Clone(quote), 0))},
	} {
		err := ask(t, row.at, row.answer)
		var typed *aesm.Error
		if !errors.As(err, &typed) || typed.Code != 0 || typed.Advice() == "" ||
			errors.Is(err, aesm.ErrUnavailable) || errors.Is(err, aesm.ErrReport) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A quote is as long as it says, whatever room the service left after it.
func TestPaddingIsTakenOff(t *testing.T) {
	padded := append(quoteOf(report(9)), make([]byte, 8192-quoteSize)...)
	socket, _ := answering(t, wire(t, countKeys.response), wire(t, listKeys.response),
		frame(in(16, success(2, nil, 8192)...)...), frame(in(17, success(2, padded, 0)...)...))
	quote, err := (&aesm.Client{Socket: socket}).Quote(t.Context(), report(9))
	if err != nil || !bytes.Equal(quote, quoteOf(report(9))) {
		t.Errorf("%d bytes, %v", len(quote), err)
	}
}

// The key is the first for ECDSA, wherever it is.
func TestKeySelection(t *testing.T) {
	epid, ecdsa := make([]byte, 256), wire(t, keyID)
	socket, requests := answering(t, frame(in(21, success(2, nil, 2)...)...),
		frame(in(22, success(2, append(epid, ecdsa...), 0)...)...), wire(t, askHash.response))
	c := &aesm.Client{Socket: socket}
	if _, err := c.Target(t.Context()); err == nil {
		t.Error("a target from nobody")
	}
	if got := requests(); len(got) != 3 || !bytes.Contains(got[2], ecdsa) {
		t.Errorf("asked %x", got)
	}
}

// Services older than the question for keys have Intel's.
func TestOlderService(t *testing.T) {
	socket, requests := answering(t, frame(in(20, 0x08, 30)...), wire(t, askHash.response), wire(t, askTarget.response))
	c := &aesm.Client{Socket: socket}
	if _, err := c.Target(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := requests(); len(got) != 3 || !bytes.Equal(got[1], wire(t, askHash.request)) {
		t.Errorf("asked %x", got)
	}
}

func TestLostKeyIsMadeAgainOnce(t *testing.T) {
	for name, row := range map[string]struct {
		failures, quotes int
		want             error
	}{
		"never lost":  {0, 1, nil},
		"lost":        {1, 2, nil},
		"lost always": {9, 2, aesm.KeyNotInitialised},
	} {
		e := newEnclave()
		e.fail = func(asked int) error {
			if asked <= row.failures {
				return aesm.KeyNotInitialised
			}
			return nil
		}
		c := &aesm.Client{Socket: serve(t, &aesm.Server{QuotingEnclave: e})}
		if _, err := c.Quote(t.Context(), report(1)); !errors.Is(err, row.want) || e.quotes() != row.quotes {
			t.Errorf("%s: %v after %d quotes", name, err, e.quotes())
		}
	}
}

// A service that comes back with another key is asked for its keys again.
func TestKeyIsForgotten(t *testing.T) {
	socket, requests := answering(t, wire(t, countKeys.response), wire(t, listKeys.response),
		frame(in(16, 0x08, 38)...), wire(t, countKeys.response))
	c := &aesm.Client{Socket: socket}
	if _, err := c.Quote(t.Context(), report(9)); !errors.Is(err, aesm.UnsupportedKey) {
		t.Error(err)
	}
	c.Quote(t.Context(), report(9))
	if got := requests(); len(got) != 4 || !bytes.Equal(got[3], wire(t, countKeys.request)) {
		t.Errorf("asked %x", got)
	}
}

func TestManyAtOnce(t *testing.T) {
	e := newEnclave()
	c := &aesm.Client{Socket: serve(t, &aesm.Server{QuotingEnclave: e, Concurrency: 8})}
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			if target, err := c.Target(t.Context()); err != nil || target != e.Target() {
				t.Error(err)
			}
			r := report(byte(i))
			if quote, err := c.Quote(t.Context(), r); err != nil || !bytes.Equal(quote, quoteOf(r)) {
				t.Errorf("another's quote, or %v", err)
			}
		})
	}
	all.Wait()
}

// A service that takes a request and says nothing.
func silent(t *testing.T) (socket string) {
	t.Helper()
	socket = t.TempDir() + "/aesm.socket"
	l := listen(t, socket)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			defer nc.Close()
		}
	}()
	return socket
}

func TestContextEndsEveryStep(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	late, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	waiting, wake := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, wake)
	for name, row := range map[string]struct {
		ctx         context.Context
		timeout     time.Duration
		want        error
		unavailable bool
	}{
		"ended before": {ended, 0, context.Canceled, false},
		"ended during": {waiting, 0, context.Canceled, false},
		"too late":     {late, 0, context.DeadlineExceeded, true},
		"too slow":     {t.Context(), time.Millisecond, context.DeadlineExceeded, true},
	} {
		c := &aesm.Client{Socket: silent(t), Timeout: row.timeout}
		_, err := c.Target(row.ctx)
		if !errors.Is(err, row.want) || errors.Is(err, aesm.ErrUnavailable) != row.unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A service that dies and comes back is the same to a client that stays.
func TestServiceRestarts(t *testing.T) {
	e := newEnclave()
	socket := t.TempDir() + "/aesm.socket"
	c := &aesm.Client{Socket: socket}
	for i := range 3 {
		stop := serveAt(t, &aesm.Server{QuotingEnclave: e}, socket)
		if _, err := c.Quote(t.Context(), report(byte(i))); err != nil {
			t.Error(err)
		}
		stop()
		if _, err := c.Quote(t.Context(), report(byte(i))); !errors.Is(err, aesm.ErrUnavailable) {
			t.Errorf("stopped: %v", err)
		}
	}
}

// A target is what the service says now, not what it said before.
func TestTargetIsAskedForAnew(t *testing.T) {
	e := newEnclave()
	c := &aesm.Client{Socket: serve(t, &aesm.Server{QuotingEnclave: e})}
	var got []sgx.TargetInfo
	for i := range 2 {
		e.mu.Lock()
		e.target.MRENCLAVE[1] = byte(i)
		e.mu.Unlock()
		target, err := c.Target(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, target)
	}
	if slices.Equal(got[:1], got[1:]) {
		t.Error("the target is that of before")
	}
}

var errReadOn = errors.New("read on")

// A length that is too long ends it: nothing is set aside for what follows.
func TestLengthIsJudgedFirst(t *testing.T) {
	const most = 68 << 10
	for length, want := range map[uint32]bool{0: false, 1: true, most: true, most + 1: false, 1 << 30: false, 1<<32 - 1: false} {
		header := binary.LittleEndian.AppendUint32(nil, length)
		_, err := aesm.Receive(io.MultiReader(bytes.NewReader(header), iotest.ErrReader(errReadOn)))
		if errors.Is(err, errReadOn) != want {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}
