package dcap_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/issue"
)

// allocated is what f allocates, in bytes.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// TestAllocation parses what lies about its size, or is as dense as it can be.
// Nothing of it has been verified, so that anybody could send it.
func TestAllocation(t *testing.T) {
	e := newScene().play(t)
	lies := bytes.Clone(e.quote)
	binary.LittleEndian.PutUint32(lies[432:], 0xFFFFFFFF)
	certificates := bytes.Clone(e.quote)
	binary.LittleEndian.PutUint32(certificates[certificatesAt-4:], 0xFFFFFFFF)
	authentication := bytes.Clone(e.quote)
	binary.LittleEndian.PutUint16(authentication[1012:], 0xFFFF)

	quotes := map[string][]byte{
		"genuine": e.quote, "signature data": lies, "certificates": certificates, "authentication data": authentication,
		"zeros": make([]byte, 64<<10), "ones": bytes.Repeat([]byte{0xFF}, 64<<10), "huge": make([]byte, 16<<20),
	}
	for name, b := range quotes {
		if n := allocated(func() { dcap.ParseQuote(b) }); n > 32<<10 {
			t.Errorf("%s: parsing %d bytes allocates %d", name, len(b), n)
		}
	}

	const most = 40 // times the size of the input, reached by revocation lists
	levels := func(member, prefix, level string) []byte {
		n := (1<<20 - 1000) / len(level)
		return []byte(`{"` + member + `":{` + prefix + `"tcbLevels":[` + strings.Repeat(level, n) + level[:len(level)-1] + `]},"signature":"00"}`)
	}
	hostile := map[string]func(*dcap.Collateral){
		"TCB info: levels": func(c *dcap.Collateral) { c.TCBInfo = levels("tcbInfo", "", "{},") },
		"TCB info: advisories": func(c *dcap.Collateral) {
			c.TCBInfo = levels("tcbInfo", "", `{"advisoryIDs":["","","","","","","","","",""]},`)
		},
		"QE identity: levels":   func(c *dcap.Collateral) { c.QEIdentity = levels("enclaveIdentity", "", "{},") },
		"TCB info: nested":      func(c *dcap.Collateral) { c.TCBInfo = bytes.Repeat([]byte("["), 1<<20) },
		"TCB info: names":       func(c *dcap.Collateral) { c.TCBInfo = names(100_000) },
		"TCB info: 16 MiB":      func(c *dcap.Collateral) { c.TCBInfo = bytes.Repeat([]byte(" "), 16<<20) },
		"root CA list: 16 MiB":  func(c *dcap.Collateral) { c.RootCRL = bytes.Repeat([]byte("00"), 8<<20) },
		"PCK list: hexadecimal": func(c *dcap.Collateral) { c.PCKCRL = bytes.Repeat([]byte("00"), 1<<19) },
		"PCK list: entries":     func(c *dcap.Collateral) { c.PCKCRL = longList(t) },
		"chain": func(c *dcap.Collateral) {
			c.TCBInfoChain = bytes.Repeat([]byte("-----BEGIN CERTIFICATE-----\n"), 1<<20)
		},
	}
	q, err := dcap.ParseQuote(e.quote)
	check(t, err)
	pck, err := q.PCK()
	check(t, err)
	for name, change := range hostile {
		c := e.collateral
		change(&c)
		size := len(c.TCBInfo) + len(c.TCBInfoChain) + len(c.QEIdentity) + len(c.QEIdentityChain) + len(c.RootCRL) + len(c.PCKCRL)
		n := allocated(func() {
			if _, err := dcap.Verify(q, pck, c, e.root, e.now); err == nil {
				t.Errorf("%s: verifies", name)
			}
		})
		t.Logf("%s: %d bytes, %d allocated", name, size, n)
		if n > most*size+1<<20 {
			t.Errorf("%s: %d bytes make Verify allocate %d", name, size, n)
		}
	}
}

// names are n members.
func names(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `"%x":0,`, i)
	}
	return []byte(`{"tcbInfo":{` + b.String() + `"x":1},"signature":"00"}`)
}

// longList is a revocation list of nearly 1 MiB, not signed by the CA.
func longList(t *testing.T) []byte {
	t.Helper()
	list := issue.CRL{Validity: validity, Number: 1}
	for i := range 28_000 {
		list.Revoked = append(list.Revoked, big.NewInt(int64(i)))
	}
	return must(list.Sign(must(newScene().caProfile.Issue(nil, nil))(t)))(t)
}
