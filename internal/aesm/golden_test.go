package aesm_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/aesm"
)

// What is on the wire, built by hand from the message definitions that Intel
// publishes. A field is a tag, its number times eight plus its wire type (0
// for a varint, 2 for a length and that many bytes), and its value. A varint
// has seven bits a byte, the lowest first, and the highest bit set in all but
// the last.
const (
	// A timeout of 30 s, as field 9: tag 9*8+0 = 0x48; 30,000,000 µs are the
	// groups 0x00, 0x07, 0x27, 0x0E.
	timeout = "48 80 87 a7 0e"

	// Which attestation key, as field 1 of 256 bytes: tag 1*8+2 = 0x0A, and the
	// length 256 is the groups 0x00, 0x02.
	key = "0a 80 02" + keyID

	keyID = "" +
		"00 00" + // id
		"00 00" + // version
		"20 00" + // MRSIGNER has 32 bytes
		"8c4f5775d796503e96137f77c68a829a 0056ac8ded70140b081b094490c57bff" + // MRSIGNER of Intel's quoting enclave
		"00000000000000000000000000000000" + // room for 48 bytes
		"01 00 00 00" + // ISVPRODID
		"00000000000000000000000000000000" + // ISVEXTPRODID
		zeros64 + // CONFIGID
		"00000000000000000000000000000000" + // ISVFAMILYID
		"02 00 00 00" + // algorithm: ECDSA with P-256
		"00000000000000000000000000000000" + // SPID
		"00 00" + // type of attestation key
		zeros64 + "00000000000000000000000000000000" // reserved, 80 bytes

	zeros64 = "" +
		"00000000000000000000000000000000 00000000000000000000000000000000" +
		"00000000000000000000000000000000 00000000000000000000000000000000"
)

// exchange is one connection.
type exchange struct{ request, response string }

var (
	countKeys = exchange{
		"08 00 00 00" + // 8 bytes
			"aa 01 05" + // field 21 (21*8+2 = 170 = 0x2A, 0x01), 5 bytes
			timeout,
		"07 00 00 00" + // 7 bytes
			"aa 01 04" + // field 21, 4 bytes
			"08 00" + // field 1 (1*8+0), error: 0
			"10 01", // field 2 (2*8+0), count: 1
	}
	listKeys = exchange{
		"0b 00 00 00" + // 11 bytes
			"b2 01 08" + // field 22 (22*8+2 = 178 = 0x32, 0x01), 8 bytes
			"08 80 02" + // field 1, buffer size: 256
			timeout,
		"09 01 00 00" + // 4+261 = 265 bytes
			"b2 01 85 02" + // field 22, 261 = 2+3+256 bytes
			"08 00" + // error: 0
			"12 80 02" + keyID, // field 2 (2*8+2), 256 bytes
	}
	askHash = exchange{
		"0d 01 00 00" + // 3+266 = 269 bytes
			"7a 8a 02" + // field 15 (15*8+2 = 122), 266 = 3+256+2+5 bytes
			key +
			"18 00" + // field 3 (3*8+0), with the key's hash: no
			timeout,
		// This server gives the target at once.
		"0a 02 00 00" + // 3+519 = 522 bytes
			"7a 87 04" + // field 15, 519 = 2+3+512+2 bytes
			"08 00" + // error: 0
			targetInfo +
			"18 20", // field 3, the hash has 32 bytes
	}
	askTarget = exchange{
		"0f 01 00 00" + // 3+268 = 271 bytes
			"7a 8c 02" + // field 15, 268 = 3+256+2+2+5 bytes
			key +
			"18 01" + // with the key's hash: yes
			"20 20" + // field 4 (4*8+0), buffer size: 32
			timeout,
		"2c 02 00 00" + // 3+553 = 556 bytes
			"7a a9 04" + // field 15, 553 = 2+3+512+2+2+32 bytes
			"08 00" + // error: 0
			targetInfo +
			"18 20" + // the hash has 32 bytes
			"22 20 {hash}", // field 4 (4*8+2), 32 bytes
	}
	askSize = exchange{
		"0c 01 00 00" + // 4+264 = 268 bytes
			"82 01 88 02" + // field 16 (16*8+2 = 130 = 0x02, 0x01), 264 = 3+256+5 bytes
			key +
			timeout,
		"08 00 00 00" + // 8 bytes
			"82 01 05" + // field 16, 5 bytes
			"08 00" + // error: 0
			"10 d8 04", // field 2, size: 600 = 0x58, 0x04
	}
	askQuote = exchange{
		"c2 02 00 00" + // 4+702 = 706 bytes
			"8a 01 be 05" + // field 17 (17*8+2 = 138 = 0x0A, 0x01), 702 = 3+432+3+256+3+5 bytes
			"0a b0 03 {report}" + // field 1, 432 = 0x30, 0x03 bytes
			"12 80 02" + keyID + // field 2, 256 bytes
			"20 d8 04" + // field 4, buffer size: 600
			timeout,
		"61 02 00 00" + // 4+605 = 609 bytes
			"8a 01 dd 04" + // field 17, 605 = 2+3+600 bytes
			"08 00" + // error: 0
			"12 d8 04 {quote}", // field 2, 600 bytes
	}
)

// targetInfo is field 2, tag 2*8+2, of 512 bytes: that of the tests' quoting
// enclave, in the layout of TARGETINFO.
const targetInfo = "12 80 04" +
	"11000000000000000000000000000000 00000000000000000000000000000022" + // MRENCLAVE
	"15 00 00 00 00 00 00 00" + // flags
	"07 00 00 00 00 00 00 00" + // XFRM
	"00 00 00 00" + // CET attributes, reserved, CONFIGSVN
	"00 00 00 00" + // MISCSELECT
	"00 00 00 00 00 00 00 00" + // reserved
	zeros64 + // CONFIGID
	zeros64 + zeros64 + zeros64 + zeros64 + zeros64 + zeros64 // reserved, 384 bytes

// bytes of a hand-written message.
func wire(t testing.TB, text string) []byte {
	t.Helper()
	target := newEnclave().target
	hash := sha256.Sum256(target.Append(nil))
	r := report(9)
	b, err := hex.DecodeString(strings.NewReplacer(" ", "",
		"{hash}", hex.EncodeToString(hash[:]),
		"{report}", hex.EncodeToString(r.Append(nil)),
		"{quote}", hex.EncodeToString(quoteOf(r))).Replace(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var forTarget = []exchange{countKeys, listKeys, askHash, askTarget}

func TestClientOnTheWire(t *testing.T) {
	var answers [][]byte
	all := append(slices.Clone(forTarget), askSize, askQuote)
	for _, e := range all {
		answers = append(answers, wire(t, e.response))
	}
	socket, requests := answering(t, answers...)
	c := &aesm.Client{Socket: socket}
	target, err := c.Target(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if target != newEnclave().target {
		t.Errorf("the target is %+v", target)
	}
	quote, err := c.Quote(t.Context(), report(9)) // and does not select the key again
	if err != nil || !bytes.Equal(quote, quoteOf(report(9))) {
		t.Errorf("a quote of %d bytes, %v", len(quote), err)
	}
	for i, got := range requests() {
		if want := wire(t, all[i].request); !bytes.Equal(got, want) {
			t.Errorf("request %d is\n%x, want\n%x", i, got, want)
		}
	}
}

func TestServerOnTheWire(t *testing.T) {
	socket := serve(t, &aesm.Server{QuotingEnclave: newEnclave()})
	for i, e := range append(slices.Clone(forTarget), askSize, askQuote) {
		if got, want := send(t, socket, wire(t, e.request)), wire(t, e.response); !bytes.Equal(got, want) {
			t.Errorf("answer %d is\n%x, want\n%x", i, got, want)
		}
	}
}

// send returns all that is answered until the server hangs up.
func send(t testing.TB, socket string, request []byte) []byte {
	t.Helper()
	nc := dial(t, socket)
	defer nc.Close()
	if _, err := nc.Write(request); err != nil {
		t.Fatal(err)
	}
	return rest(t, nc)
}
