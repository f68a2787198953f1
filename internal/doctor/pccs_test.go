package doctor_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// pccs is a made-up collateral service. Documents are named by their paths
// without what is asked: tcb, qe/identity, pckcrl, rootcacrl.
type pccs struct {
	Stale  []string          `json:"stale"`  // have expired
	Future []string          `json:"future"` // are of the future
	Forged []string          `json:"forged"` // are signed under another root, in Intel's names
	Status map[string]int    `json:"status"` // of those that are not 200
	Body   map[string]string `json:"body"`   // "endless", "slow", "deep", "rootcacrl", or a file of the node
	Silent bool              `json:"silent"` // who signs the list of PCK certificates is not shown
	Shows  string            `json:"shows"`  // or wrongly: "genuine" or "other" authority, "swapped", "root", "cut"
	Fails  string            `json:"fails"`  // how nobody answers at all: see failures
	TCB    string            `json:"tcb"`    // what Intel says of the CPU; if empty, UpToDate
}

// vendor signs for a made-up Intel.
type vendor struct {
	*issue.Authority
	platform issue.Platform
	qe       sgx.ReportBody
	pck      *issue.Entity
}

// intel signs what is genuine on made-up nodes, forger what is not.
var (
	intel  = sync.OnceValue(newVendor)
	forger = sync.OnceValue(newVendor)
)

func newVendor() *vendor {
	names, life := issue.IntelNames(), issue.Days(now().AddDate(-1, 0, 0), 3650)
	v := &vendor{
		platform: issue.Platform{FMSPC: [6]byte{0x00, 0x60, 0x6A}, PCESVN: 13},
		qe:       sgx.ReportBody{Attributes: sgx.Attributes{Flags: sgx.FlagInit | sgx.FlagMode64}, MRSIGNER: [32]byte{1}, ProductID: 1, SVN: 8},
	}
	v.Authority = must(issue.NewAuthority(names, life))
	v.pck = must(v.PCK(names.PCK, life, v.platform))
	return v
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (v *vendor) quote(t *testing.T) []byte {
	t.Helper()
	body := sgx.ReportBody{Attributes: sgx.Attributes{Flags: sgx.FlagInit | sgx.FlagMode64, XFRM: 3}}
	key := must(issue.NewKey())
	q := issue.NewQuote(&body, &v.qe, v.PCKChain(v.pck)...)
	if err := errors.Join(q.BindKey(&key.PublicKey), q.SignQEReport(v.pck.Key), q.Sign(key)); err != nil {
		t.Fatal(err)
	}
	return q.Append(nil)
}

// document signs one anew.
func (p pccs) document(name string) (body []byte, err error) {
	v, valid := intel(), issue.Days(now().AddDate(0, 0, -1), 30)
	if slices.Contains(p.Forged, name) {
		v = forger()
	}
	switch {
	case slices.Contains(p.Stale, name):
		valid = issue.Days(now().AddDate(0, 0, -60), 30)
	case slices.Contains(p.Future, name):
		valid = issue.Days(now().Add(time.Hour), 30)
	}
	switch name {
	case "tcb":
		info := issue.NewTCBInfo(&v.platform, valid)
		if p.TCB != "" {
			info.Levels[0].Status, info.Levels[0].Advisories = p.TCB, []string{"INTEL-SA-00615"}
		}
		return info.Sign(v.TCBSigning)
	case "qe/identity":
		return issue.NewQEIdentity(&v.qe, valid).Sign(v.TCBSigning)
	case "pckcrl":
		return issue.CRL{Validity: valid, Number: 1}.Sign(v.PCKCA)
	case "rootcacrl":
		return issue.CRL{Validity: valid, Number: 1}.Sign(v.Root)
	}
	return nil, fs.ErrNotExist
}

// answer is of a service whose clock is ahead by so much.
func (p pccs) answer(r *http.Request, name string, files fs.FS, ahead time.Duration) (*http.Response, error) {
	if err := failures()[p.Fails]; err != nil {
		return nil, err
	}
	v := intel()
	if slices.Contains(p.Forged, name) {
		v = forger()
	}
	chain := url.PathEscape(string(issue.PEM(v.TCBSigningChain()...)))
	header := http.Header{"Date": {now().Add(ahead).Format(http.TimeFormat)}, "Tcb-Info-Issuer-Chain": {chain}, "Sgx-Enclave-Identity-Issuer-Chain": {chain}}
	if name == "pckcrl" && !p.Silent {
		header.Set("SGX-PCK-CRL-Issuer-Chain", p.issuers(v))
	}
	response := &http.Response{StatusCode: http.StatusOK, Header: header, Request: r}
	if status := p.Status[name]; status != 0 {
		response.StatusCode, response.Status, response.Body = status, fmt.Sprint(status), http.NoBody
		header.Set("Location", "https://evil.example/\x1b[2J")
		return response, nil
	}
	var err error
	response.Body, err = p.body(r, name, files)
	return response, err
}

func (p pccs) issuers(v *vendor) string {
	chain := v.PCKCAChain()
	switch p.Shows {
	case "genuine":
		chain = intel().PCKCAChain()
	case "other":
		chain[0] = forger().PCKCA.Certificate
	case "swapped":
		slices.Reverse(chain)
	case "root":
		chain[0] = chain[1]
	case "cut":
		chain = chain[:1]
	}
	return url.PathEscape(string(issue.PEM(chain...)))
}

func (p pccs) body(r *http.Request, name string, files fs.FS) (io.ReadCloser, error) {
	var body []byte
	var err error
	switch kind := p.Body[name]; kind {
	case "endless":
		return io.NopCloser(endless{}), nil
	case "slow":
		return io.NopCloser(slow{r.Context()}), nil
	case "deep":
		body = []byte(strings.Repeat(`{"tcbInfo":`, 90000))
	case "":
		if f := r.URL.Query().Get("fmspc"); name == "tcb" && f != hex.EncodeToString(intel().platform.FMSPC[:]) {
			return nil, errors.New("an unexpected FMSPC " + f)
		}
		body, err = p.document(name)
	case "rootcacrl":
		body, err = p.document(kind)
	default:
		body, err = fs.ReadFile(files, kind)
	}
	return io.NopCloser(bytes.NewReader(body)), err
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

type slow struct{ context.Context }

func (s slow) Read([]byte) (int, error) {
	<-s.Done()
	return 0, s.Err()
}

// failures are those of package net, as a client gets them.
func failures() map[string]error {
	dial := func(err syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
	}
	certificate := func(err error) error { return &tls.CertificateVerificationError{Err: err} }
	return map[string]error{
		"dns":         &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", IsNotFound: true}},
		"refused":     dial(syscall.ECONNREFUSED),
		"unreachable": dial(syscall.ENETUNREACH),
		"timeout":     dial(syscall.ETIMEDOUT),
		"authority":   certificate(x509.UnknownAuthorityError{}),
		"name":        certificate(x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"\x1b[2J"}}, Host: "a"}),
		"expired":     certificate(x509.CertificateInvalidError{Reason: x509.Expired}),
		"certificate": certificate(errors.New("of \x1b[2J\u009b2J")),
		"plain":       errors.New("http: server gave HTTP response to HTTPS client"),
	}
}
