package ert_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim/ert"
)

// platform is a machine that is judged as a test wants: what its service
// hands out and how its quotes are made can be changed before use.
type platform struct {
	quoter
	t         testing.TB
	authority *issue.Authority
	pck       *issue.Entity
	key       *ecdsa.PrivateKey
	issue.Platform
	qe sgx.ReportBody

	tcbInfo    func(*issue.TCBInfo)
	qeIdentity func(*issue.QEIdentity)
	revoked    []*big.Int
	crl        issue.Validity
	down       string // what the service does not have
}

// The documents of a platform are of days apart, so that none is taken for
// another.
func daysFromNow(from, until int) issue.Validity {
	today := time.Now().UTC().Truncate(24 * time.Hour)
	return issue.Validity{From: today.AddDate(0, 0, from), Until: today.AddDate(0, 0, until)}
}

func newPlatform(t testing.TB) *platform {
	t.Helper()
	p := &platform{t: t, crl: daysFromNow(-5, 5), Platform: issue.Platform{
		PPID:       [16]byte{1},
		Components: [16]byte{9, 8, 7, 6, 5},
		PCESVN:     13,
		FMSPC:      [6]byte{0, 0x60, 0x6A, 4, 5, 6},
		Type:       issue.Scalable,
		InstanceID: [16]byte{2},
	}}
	p.authority = must(issue.NewAuthority(issue.SimulatorNames(), daysFromNow(-10, 1000)))
	p.pck = must(p.authority.PCK(issue.SimulatorNames().PCK, daysFromNow(-9, 900), p.Platform))
	p.key = must(issue.NewKey())
	p.qe = newCPU(0x0E).body // its MISCSELECT is not zero
	return p
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (p *platform) Root() *x509.Certificate { return p.authority.Root.Certificate }

// quote is one of body, changed before it is signed.
func (p *platform) quote(body sgx.ReportBody, change ...func(*issue.Quote)) []byte {
	p.t.Helper()
	q := issue.NewQuote(&body, &p.qe, p.authority.PCKChain(p.pck)...)
	q.PCESVN = 0x0D0C
	for i := range 16 {
		q.UserData[i] = byte(0xA0 + i)
	}
	if err := q.BindKey(&p.key.PublicKey); err != nil {
		p.t.Fatal(err)
	}
	for _, f := range change {
		f(q)
	}
	if err := q.SignQEReport(p.pck.Key); err != nil {
		p.t.Fatal(err)
	}
	if err := q.Sign(p.key); err != nil {
		p.t.Fatal(err)
	}
	return q.Append(nil)
}

func (p *platform) PCS() http.Handler {
	mux := http.NewServeMux()
	const base = "GET /sgx/certification/v4/"
	chains := map[string][]*x509.Certificate{
		"TCB-Info-Issuer-Chain":             p.authority.TCBSigningChain(),
		"SGX-Enclave-Identity-Issuer-Chain": p.authority.TCBSigningChain(),
		"SGX-PCK-CRL-Issuer-Chain":          p.authority.PCKCAChain(),
	}
	serve := func(what, header string, document func() ([]byte, error)) {
		if what == p.down {
			return
		}
		mux.HandleFunc(base+what, func(w http.ResponseWriter, r *http.Request) {
			if f := r.FormValue("fmspc"); f != "" && f != hex.EncodeToString(p.FMSPC[:]) {
				http.NotFound(w, r)
				return
			}
			if header != "" {
				w.Header().Set(header, url.QueryEscape(string(issue.PEM(chains[header]...))))
			}
			w.Write(must(document()))
		})
	}
	serve("tcb", "TCB-Info-Issuer-Chain", p.signedTCBInfo)
	serve("qe/identity", "SGX-Enclave-Identity-Issuer-Chain", p.signedQEIdentity)
	serve("pckcrl", "SGX-PCK-CRL-Issuer-Chain", p.pckCRL)
	serve("rootcacrl", "", func() ([]byte, error) {
		der, err := issue.CRL{Validity: daysFromNow(-6, 6), Number: 1}.Sign(p.authority.Root)
		return hex.AppendEncode(nil, der), err
	})
	return mux
}

func (p *platform) signedTCBInfo() ([]byte, error) {
	info := issue.NewTCBInfo(&p.Platform, daysFromNow(-3, 3))
	if p.tcbInfo != nil {
		p.tcbInfo(&info)
	}
	return info.Sign(p.authority.TCBSigning)
}

func (p *platform) signedQEIdentity() ([]byte, error) {
	identity := issue.NewQEIdentity(&p.qe, daysFromNow(-2, 2))
	if p.qeIdentity != nil {
		p.qeIdentity(&identity)
	}
	return identity.Sign(p.authority.TCBSigning)
}

func (p *platform) pckCRL() ([]byte, error) {
	return issue.CRL{Validity: p.crl, Number: 1, Revoked: p.revoked}.Sign(p.authority.PCKCA)
}

// got is a claim as the process reads it.
type got struct {
	name  string
	value []byte
}

// claims reads what was delivered.
func (m *memory) claims() (all []got) {
	at := m.word(addrAt)
	for range m.word(sizeAt) {
		word := func(offset uint64) uint64 {
			b := must(m.Read(at+offset, 8))
			return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 | uint64(b[4])<<32 | uint64(b[5])<<40
		}
		all = append(all, got{m.text(word(0)), must(m.Read(word(8), int(word(16))))})
		at += 24
	}
	return all
}

// evidenceAt is far from the other arguments: a quote is long.
const evidenceAt = 0x4000

func verifyEvidence(r *ert.Runtime, m *memory, evidence []byte) oe.Result {
	at := m.put(evidenceAt, evidence)
	return oe.Result(r.Call(m, oe.CallVerifyEvidence, [6]uint64{at, uint64(len(evidence)), addrAt, sizeAt}))
}

func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
