package ert_test

import (
	"math/big"
	"testing"

	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sim/ert"
)

// A platform is refused for what has become of it, and a quote for what is
// wrong with it.
func TestRefusedQuotes(t *testing.T) {
	for name, test := range map[string]struct {
		platform func(*platform)
		quote    func(*issue.Quote)
		after    func([]byte) []byte
		want     oe.Result
	}{
		"another root":          {platform: func(p *platform) { p.quoterIsAnother() }, want: oe.QuoteVerificationError},
		"revoked":               {platform: func(p *platform) { p.revoked = []*big.Int{p.pck.Certificate.SerialNumber} }, want: oe.Revoked},
		"old revocation list":   {platform: func(p *platform) { p.crl = daysFromNow(-5, -1) }, want: oe.CRLExpired},
		"old TCB info":          {platform: func(p *platform) { p.tcbInfo = func(i *issue.TCBInfo) { i.NextUpdate = i.IssueDate } }, want: oe.NoValidityPeriod},
		"another FMSPC":         {platform: func(p *platform) { p.FMSPC[5]++ }, want: oe.QuoteProviderCallError},
		"another's TCB info":    {platform: func(p *platform) { p.tcbInfo = func(i *issue.TCBInfo) { i.FMSPC = "00606A040507" } }, want: oe.VerifyFailed},
		"no TCB info":           {platform: func(p *platform) { p.down = "tcb" }, want: oe.QuoteProviderCallError},
		"no QE identity":        {platform: func(p *platform) { p.down = "qe/identity" }, want: oe.QuoteProviderCallError},
		"no PCK list":           {platform: func(p *platform) { p.down = "pckcrl" }, want: oe.QuoteProviderCallError},
		"no root list":          {platform: func(p *platform) { p.down = "rootcacrl" }, want: oe.QuoteProviderCallError},
		"another QE":            {platform: func(p *platform) { p.qeIdentity = func(q *issue.QEIdentity) { q.ProductID++ } }, want: oe.QuotingEnclaveNotVerified},
		"outdated QE":           {platform: func(p *platform) { p.qeIdentity = func(q *issue.QEIdentity) { q.Levels[0].Status = "OutOfDate" } }, want: oe.NoValidityPeriod},
		"QE below all levels":   {platform: func(p *platform) { p.qeIdentity = func(q *issue.QEIdentity) { q.Levels[0].TCB.SVN++ } }, want: oe.NoValidityPeriod},
		"version 4":             {quote: func(q *issue.Quote) { q.Version = 4 }, want: oe.QuoteVerificationError},
		"another kind of key":   {quote: func(q *issue.Quote) { q.KeyType = 3 }, want: oe.QuoteVerificationError},
		"without certificates":  {quote: func(q *issue.Quote) { q.CertType, q.CertData = 1, make([]byte, 36) }, want: oe.MissingCertificateChain},
		"not certificates":      {quote: func(q *issue.Quote) { q.CertData = []byte("certificates") }, want: oe.Failure},
		"no root":               {quote: func(q *issue.Quote) { q.CertData = q.CertData[:len(q.CertData)/2] }, want: oe.Failure},
		"no certificates":       {quote: func(q *issue.Quote) { q.CertData = nil }, want: oe.VerifyFailed},
		"another key":           {quote: func(q *issue.Quote) { q.QEReport[383] ^= 1 }, want: oe.QuoteVerificationError},
		"report changed":        {after: func(b []byte) []byte { b[48+64] ^= 1; return b }, want: oe.VerifyFailed},
		"QE report changed":     {after: func(b []byte) []byte { b[436+128] ^= 1; return b }, want: oe.VerifyFailed},
		"a byte too long":       {after: func(b []byte) []byte { return append(b, 0) }, want: oe.ReportParseError},
		"a byte too short":      {after: func(b []byte) []byte { return b[:len(b)-1] }, want: oe.ReportParseError},
		"half":                  {after: func(b []byte) []byte { return b[:200] }, want: oe.ReportParseError},
		"signatures of nothing": {after: func(b []byte) []byte { clear(b[436 : 436+64]); return b }, want: oe.VerifyFailed},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlatform(t)
			var quote []byte
			if test.quote != nil {
				quote = p.quote(newCPU(1).body, test.quote)
			} else {
				quote = p.quote(newCPU(1).body)
			}
			if test.platform != nil {
				test.platform(p)
			}
			if test.after != nil {
				quote = test.after(quote)
			}
			refused(t, p, oe.Report(quote, true), test.want)
		})
	}
}

func refused(t *testing.T, p ert.Machine, evidence []byte, want oe.Result) {
	t.Helper()
	r, m := ert.New(newCPU(1), p), newMemory(room)
	if got := verifyEvidence(r, m, evidence); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if len(m.live) != 1 || m.word(addrAt) != 0xAAAAAAAAAAAAAAAA {
		t.Errorf("refused, with %d allocations and the address %#x", len(m.live)-1, m.word(addrAt))
	}
}

// quoterIsAnother replaces all keys of the authority: the machine is another.
func (p *platform) quoterIsAnother() { p.authority = newPlatform(p.t).authority }

func TestRefusedEvidence(t *testing.T) {
	p := newPlatform(t)
	quote := p.quote(newCPU(1).body)
	claimed := p.quote(everything(hashed([]byte("claims"))))
	own := newCPU(1)
	report := own.Report(own.body.Target(), hashed([]byte("claims")))
	local := report.Append(nil)
	for name, test := range map[string]struct {
		evidence []byte
		want     oe.Result
	}{
		"nothing":                  {nil, oe.InvalidParameter},
		"local report":             {oe.Report(local, false), oe.InvalidParameter},
		"unknown format":           {oe.Evidence(oe.Format{1}, quote), oe.NotFound},
		"of nothing":               {oe.Evidence(oe.FormatECDSA, nil), oe.InvalidParameter},
		"quote short":              {oe.Evidence(oe.FormatECDSA, quote[:len(quote)-1]), oe.InvalidParameter},
		"bare quote short":         {oe.Evidence(oe.FormatRawQuote, quote[:len(quote)-1]), oe.InvalidParameter},
		"bare quote with claims":   {oe.Evidence(oe.FormatRawQuote, concat(quote, []byte("claims"))), oe.ReportParseError},
		"bare quote of version 4":  {oe.Evidence(oe.FormatRawQuote, p.quote(own.body, func(q *issue.Quote) { q.Version = 4 })), oe.InvalidParameter},
		"claims of another":        {oe.Evidence(oe.FormatECDSA, concat(claimed, []byte("Claims"))), oe.QuoteHashMismatch},
		"claims left out":          {oe.Evidence(oe.FormatECDSA, claimed), oe.QuoteHashMismatch},
		"claims not bound":         {oe.Evidence(oe.FormatECDSA, concat(quote, []byte("claims"))), oe.QuoteHashMismatch},
		"local, claims of another": {oe.Evidence(oe.FormatLocal, concat(local, []byte("Claims"))), oe.QuoteHashMismatch},
		"local, claims left out":   {oe.Evidence(oe.FormatLocal, local), oe.QuoteHashMismatch},
		"local, short":             {oe.Evidence(oe.FormatLocal, local[:431]), oe.InvalidParameter},
		"local, MAC":               {oe.Evidence(oe.FormatLocal, concat(local[:431], []byte{local[431] ^ 1}, []byte("claims"))), oe.CMACMismatch},
		"header within":            {oe.Evidence(oe.FormatReport, oe.Report(local, false)), oe.InvalidParameter},
		"no header within":         {oe.Evidence(oe.FormatReport, nil), oe.InvalidParameter},
		"size beyond":              {spoiled(oe.Evidence(oe.FormatECDSA, quote), 24), oe.InvalidParameter},
		"report's size beyond":     {spoiled(oe.Report(quote, true), 15), oe.ReportParseError},
	} {
		t.Run(name, func(t *testing.T) { refused(t, p, test.evidence, test.want) })
	}
}
