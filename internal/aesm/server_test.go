package aesm_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/aesm"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Every truncation of every request ends its connection and nothing else.
func TestRequestsCutOff(t *testing.T) {
	socket := serve(t, &aesm.Server{QuotingEnclave: newEnclave()})
	for name, e := range everyExchange {
		whole := wire(t, e.request)
		for n := range whole {
			nc := dial(t, socket)
			nc.Write(whole[:n])
			nc.CloseWrite()
			if got := rest(t, nc); len(got) != 0 {
				t.Fatalf("%s cut to %d bytes is answered %x", name, n, got)
			}
			nc.Close()
		}
	}
}

func TestRequestsRefused(t *testing.T) {
	withKey := func(m ...byte) []byte { return append(wire(t, key), m...) }
	quote := func(change func(report []byte) []byte, bufferSize ...byte) []byte {
		r := report(9)
		b := change(r.Append(nil))
		m := append([]byte{0x0a, byte(len(b)) | 0x80, byte(len(b) >> 7)}, b...)
		m = append(append(m, 0x12, 0x80, 0x02), wire(t, keyID)...)
		return frame(in(17, append(append(m, 0x20), bufferSize...)...)...)
	}
	same := func(b []byte) []byte { return b }
	otherKey := wire(t, key)
	otherKey[3+6] ^= 1
	list := func(count byte, ids ...byte) []byte {
		return in(19, in(1, append([]byte{0, 0, 0, 0, count, 0, 0, 0}, ids...)...)...)
	}
	for name, row := range map[string]struct {
		request []byte
		answer  string // what follows the length, or nothing for a connection that ends
	}{
		"no bytes":                {frame(), ""},
		"4 GB":                    {[]byte{0xff, 0xff, 0xff, 0xff}, ""},
		"too many bytes":          {frame(make([]byte, 16<<10+1)...), ""},
		"not protobuf":            {frame([]byte("GET / HTTP/1.1\r\n\r\n")...), ""},
		"two kinds":               {frame(append(in(21), in(21)...)...), ""},
		"something after it":      {frame(append(in(21), 1)...), ""},
		"no buffer size":          {frame(in(22)...), ""},
		"old: init":               {frame(in(1)...), "a2 01 02 08 1e"}, // field 20, error 30
		"old: quote":              {frame(in(2, 0x10, 1)...), "a2 01 02 08 1e"},
		"old: launch token":       {frame(in(3)...), "a2 01 02 08 1e"},
		"unheard of":              {frame(in(99)...), "a2 01 02 08 1e"},
		"keys, no room":           {frame(in(22, 0x08, 0xff, 0x01)...), "b2 01 02 08 03"},
		"keys, 4 GB of room":      {frame(in(22, 0x08, 0xff, 0xff, 0xff, 0xff, 0x0f)...), "b2 01 02 08 03"},
		"init, no key":            {frame(in(15, 0x18, 0)...), "7a 02 08 03"},
		"init, half a key":        {frame(in(15, append(in(1, make([]byte, 255)...), 0x18, 0)...)...), "7a 02 08 03"},
		"init, another key":       {frame(in(15, append(otherKey, 0x18, 0)...)...), "7a 02 08 26"},
		"init, no room":           {frame(in(15, withKey(0x18, 1)...)...), "7a 02 08 03"},
		"init, too much room":     {frame(in(15, withKey(0x18, 1, 0x20, 33)...)...), "7a 02 08 03"},
		"size, no key":            {frame(in(16)...), "82 01 02 08 03"},
		"size, another key":       {frame(in(16, otherKey...)...), "82 01 02 08 26"},
		"quote, no key":           {frame(in(17, append(in(1, make([]byte, 432)...), 0x20, 0xd8, 0x04)...)...), "8a 01 02 08 03"},
		"quote, report cut":       {quote(func(b []byte) []byte { return b[1:] }, 0xd8, 0x04), "8a 01 02 08 03"},
		"quote, report too long":  {quote(func(b []byte) []byte { return append(b, 0) }, 0xd8, 0x04), "8a 01 02 08 03"},
		"quote, reserved bytes":   {quote(func(b []byte) []byte { b[21] = 1; return b }, 0xd8, 0x04), "8a 01 02 08 2f"},
		"quote, a byte of room":   {quote(same, 0xd7, 0x04), "8a 01 02 08 03"},
		"quote, 4 GB of room":     {quote(same, 0xff, 0xff, 0xff, 0xff, 0x0f), "8a 01 02 08 03"},
		"select, empty list":      {frame(list(0)...), "9a 01 02 08 26"},
		"select, short list":      {frame(list(1, make([]byte, 255)...)...), "9a 01 02 08 03"},
		"select, long list":       {frame(list(0, make([]byte, 256)...)...), "9a 01 02 08 03"},
		"select, another key":     {frame(list(1, otherKey[3:]...)...), "9a 01 02 08 26"},
		"select, version of list": {frame(in(19, in(1, 0, 0, 1, 0, 0, 0, 0, 0)...)...), "9a 01 02 08 03"},
	} {
		socket := serve(t, &aesm.Server{QuotingEnclave: newEnclave(), Timeout: 100 * time.Millisecond})
		want := wire(t, row.answer)
		if len(want) > 0 {
			want = frame(want...)
		}
		if got := send(t, socket, row.request); !bytes.Equal(got, want) {
			t.Errorf("%s: answered %x, want %x", name, got, want)
		}
	}
}

// What other clients ask, beyond what this one does.
func TestForOtherClients(t *testing.T) {
	id := wire(t, keyID)
	selected := frame(in(19, success(2, id, 0)...)...)
	size := []byte{0x08, 0x80, 0x04} // room for two keys
	for name, row := range map[string]struct{ request, answer []byte }{
		"select, any":         {frame(in(19)...), selected},
		"select from a list":  {frame(in(19, in(1, append([]byte{0, 0, 0, 0, 2, 0, 0, 0}, append(make([]byte, 256), id...)...)...)...)...), selected},
		"keys, with room":     {frame(in(22, size...)...), frame(in(22, success(2, append(bytes.Clone(id), make([]byte, 256)...), 0)...)...)},
		"count without limit": {frame(in(21)...), wire(t, countKeys.response)},
	} {
		socket := serve(t, &aesm.Server{QuotingEnclave: newEnclave()})
		if got := send(t, socket, row.request); !bytes.Equal(got, row.answer) {
			t.Errorf("%s: answered %x", name, got)
		}
	}
}

// reporter has the quoting enclave vouch for its quotes.
type reporter struct {
	*enclave
	target sgx.TargetInfo
	data   [64]byte
}

func (r *reporter) Report(target sgx.TargetInfo, data [64]byte) sgx.Report {
	r.target, r.data = target, data
	return report(0x42)
}

func TestQEReport(t *testing.T) {
	nonce := fill(nil, 16, 0xCC)
	target := newEnclave().target
	info := append(target.Append(bytes.Clone(nonce)), make([]byte, 432)...)
	r, vouched := report(9), report(0x42)
	request := func(info []byte) []byte {
		m := append(in(1, r.Append(nil)...), in(2, wire(t, keyID)...)...)
		m = append(m, in(3, info...)...)
		return frame(in(17, append(m, 0x20, 0x80, 0x08)...)...) // room for 1024 bytes
	}
	padded := append(quoteOf(r), make([]byte, 1024-quoteSize)...)
	e := &reporter{enclave: newEnclave()}
	socket := serve(t, &aesm.Server{QuotingEnclave: e})
	want := append(success(2, padded, 0), in(3, vouched.Append(target.Append(bytes.Clone(nonce)))...)...)
	if got := send(t, socket, request(info)); !bytes.Equal(got, frame(in(17, want...)...)) {
		t.Errorf("answered %x", got)
	}
	hash := sha256.Sum256(append(nonce, quoteOf(r)...))
	if e.target != target || !bytes.Equal(e.data[:], append(hash[:], make([]byte, 32)...)) {
		t.Errorf("reported %x for %+v", e.data, e.target)
	}
	for name, row := range map[string]struct {
		info   []byte
		answer string
	}{
		"cut":                   {info[1:], "8a 01 02 08 03"},
		"too long":              {append(bytes.Clone(info), 0), "8a 01 02 08 03"},
		"empty":                 {[]byte{}, "8a 01 02 08 03"},
		"target, reserved bits": {append(fill(nil, 16+512, 1), make([]byte, 432)...), "8a 01 02 08 03"},
	} {
		if got := send(t, socket, request(row.info)); !bytes.Equal(got, frame(wire(t, row.answer)...)) {
			t.Errorf("%s: answered %x", name, got)
		}
	}
	socket = serve(t, &aesm.Server{QuotingEnclave: newEnclave()})
	if got := send(t, socket, request(info)); !bytes.Equal(got, frame(wire(t, "8a 01 02 08 31")...)) {
		t.Errorf("an enclave that cannot: answered %x", got)
	}
}

// An enclave whose quotes are longer than it says is not believed.
func TestQuoteOfAnotherSize(t *testing.T) {
	socket := serve(t, &aesm.Server{QuotingEnclave: longer{newEnclave()}})
	if got := send(t, socket, wire(t, askQuote.request)); !bytes.Equal(got, frame(wire(t, "8a 01 02 08 01")...)) {
		t.Errorf("answered %x", got)
	}
}

type longer struct{ *enclave }

func (l longer) Quote(ctx context.Context, r sgx.Report) ([]byte, error) {
	quote, err := l.enclave.Quote(ctx, r)
	return append(quote, 0), err
}

// Clients that connect and say nothing, or half of something, or do not read,
// hold others up for no longer than the timeout.
func TestSlowClients(t *testing.T) {
	socket := serve(t, &aesm.Server{QuotingEnclave: newEnclave(), Concurrency: 2, Timeout: 20 * time.Millisecond})
	whole := wire(t, askQuote.request)
	for _, n := range []int{0, 2, 4, 100, len(whole) - 1, 0, 0, 3} {
		nc := dial(t, socket)
		defer nc.Close()
		nc.Write(whole[:n])
	}
	c := &aesm.Client{Socket: socket}
	if _, err := c.Quote(t.Context(), report(1)); err != nil {
		t.Error(err)
	}
}

// A client that drips its request has the same time as one that says nothing.
func TestDrippingClient(t *testing.T) {
	socket := serve(t, &aesm.Server{QuotingEnclave: newEnclave(), Timeout: 20 * time.Millisecond})
	nc := dial(t, socket)
	defer nc.Close()
	for _, b := range wire(t, askQuote.request) {
		if _, err := nc.Write([]byte{b}); err != nil {
			return // hung up on
		}
		time.Sleep(time.Millisecond)
	}
	if b := rest(t, nc); len(b) != 0 {
		t.Errorf("answered %x", b)
	}
}

// One request for a connection: what follows it is not looked at.
func TestOneRequestForAConnection(t *testing.T) {
	socket := serve(t, &aesm.Server{QuotingEnclave: newEnclave()})
	nc := dial(t, socket)
	defer nc.Close()
	nc.Write(wire(t, countKeys.request))
	got := make([]byte, len(wire(t, countKeys.response)))
	if _, err := io.ReadFull(nc, got); err != nil {
		t.Fatal(err)
	}
	nc.Write(wire(t, countKeys.request))
	if b := rest(t, nc); len(b) != 0 {
		t.Errorf("the second is answered %x", b)
	}
}

// Serve ends what has not asked yet, and answers what has.
func TestServeEnds(t *testing.T) {
	e := newEnclave()
	asked, answer := make(chan struct{}), make(chan struct{})
	e.fail = func(int) error {
		close(asked)
		<-answer
		return nil
	}
	socket := t.TempDir() + "/aesm.socket"
	stop := serveAt(t, &aesm.Server{QuotingEnclave: e}, socket)
	idle := dial(t, socket)
	defer idle.Close()
	busy := dial(t, socket)
	defer busy.Close()
	busy.Write(wire(t, askQuote.request))
	<-asked
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	if b := rest(t, idle); len(b) != 0 {
		t.Errorf("answered %x", b)
	}
	close(answer)
	if b := rest(t, busy); !bytes.Equal(b, wire(t, askQuote.response)) {
		t.Errorf("answered %x", b)
	}
	<-stopped
	if _, err := net.Dial("unix", socket); err == nil {
		t.Error("it goes on listening")
	}
}

func TestServeFails(t *testing.T) {
	l := listen(t, t.TempDir()+"/aesm.socket")
	l.Close()
	if err := (&aesm.Server{QuotingEnclave: newEnclave()}).Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// So it is at the other end, whose clients wait for nothing.
func TestServerJudgesLengthFirst(t *testing.T) {
	socket := serve(t, &aesm.Server{QuotingEnclave: newEnclave(), Timeout: time.Hour})
	for _, length := range [][]byte{{0, 0, 0, 0}, {1, 0x40, 0, 0}, {0xff, 0xff, 0xff, 0xff}} {
		nc := dial(t, socket)
		nc.Write(length)
		if b := rest(t, nc); len(b) != 0 {
			t.Errorf("%x is answered %x", length, b)
		}
		nc.Close()
	}
}
