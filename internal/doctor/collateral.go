package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/dcap"
)

// collateral looks at what a verifier needs: the TCB info, the quoting
// enclave's identity and both revocation lists.
func collateral(ctx context.Context, n *Node, r *report) {
	a := n.asked()
	switch {
	case a.err != nil:
		n.unanswered(r, a)
		return
	case a.forged != nil:
		r.fail("use none of it: "+otherService+", and look at who answers there: "+a.curl(""),
			"%s has what Intel has not signed: %s", a.service, reason(a.forged))
	case n.current(r, a) && n.Quote != nil:
		n.verify(ctx, r, a)
	}
	a.kind.said(r)
}

const otherService = `name another service in the QCNL configuration, "collateral_service": "` + intelService + `"`

// document is one of the four.
type document struct {
	name string
	attest.Validity
}

func (a *inquiry) documents() []document {
	o := a.outline
	return []document{
		{"the TCB info", o.TCBInfo.Validity},
		{"the quoting enclave's identity", o.QEIdentity.Validity},
		{"the root's revocation list", o.RootCRL.Validity},
		{"the revocation list of PCK certificates", o.PCKCRL.Validity},
	}
}

// current reports whether none of the documents has expired. Those of the
// future are the clock's matter.
func (n *Node) current(r *report, a *inquiry) bool {
	good := true
	for _, d := range a.documents() {
		if n.Now().After(d.NextUpdate) {
			good = false
			r.fail(n.refresh(a), "%s at %s is stale: it was good until %s", d.name, a.service, d.NextUpdate.UTC().Format(time.RFC3339))
		}
	}
	if good {
		r.ok("TCB info, identity and both revocation lists of %s are good until %s, Intel's evaluation %d%s", a.service,
			a.outline.NextUpdate().UTC().Format(time.RFC3339), min(a.outline.TCBInfo.Evaluation, a.outline.QEIdentity.Evaluation), n.unchecked(a))
	}
	return good
}

func (n *Node) unchecked(a *inquiry) string {
	if n.Quote != nil || a.listed {
		return ""
	}
	return fmt.Sprintf("; only with -quote is it known that %.60q signed the last", a.outline.PCKCRL.Issuer)
}

// refresh has what is stale fetched anew.
func (n *Node) refresh(a *inquiry) string {
	name, _ := a.host()
	off, known := a.heard.clock()
	switch {
	case known && off > maxClockError:
		return "first the clock, which may be all: " + n.setClock(off)
	case strings.HasSuffix(name, ".trustedservices.intel.com"):
		return "Intel's own is always newer: ask without a proxy that keeps answers, " + a.curl(" --noproxy '*'")
	case strings.HasSuffix(name, ".azure.net") || strings.HasSuffix(name, ".aliyuncs.com"):
		return otherService + ", until the cloud's has it"
	}
	return "have the caching service fetch it: `curl -k -H 'admin-token: PASSWORD' " + strings.TrimRight(a.service, "/") + "/refresh`, and see there why it did not: `journalctl -u pccs`; or " + otherService
}

// reason is what is wrong, without what to do about it.
func reason(err error) string {
	var refused *dcap.Error
	if errors.As(err, &refused) {
		return fmt.Sprintf("%.300s (%s)", refused.Text, refused.Name)
	}
	return fmt.Sprintf("%.300v", err)
}

// verify has the quote verified with what the service said, as a client does.
func (n *Node) verify(ctx context.Context, r *report, a *inquiry) {
	v := attest.Verifier{Root: n.root, Collateral: a.collateral, Time: n.Now}
	judged, err := v.Authenticate(ctx, n.Quote)
	switch {
	case errors.Is(err, attest.ErrCollateral):
		r.fail(n.refresh(a), "the quote does not verify with what %s has: %s", a.service, reason(err))
	case err != nil:
		r.fail("have another made, and look at it: `cleave inspect FILE`", "the quote is no good: %s", reason(err))
	case judged.TCB.Status != attest.UpToDate:
		r.warn("update firmware and microcode: on AKS `"+upgradeNodes+"`, on one's own the vendor's BIOS; or have clients accept it: `cleave policy init`",
			"the quote verifies, and Intel says of this CPU %v %v", judged.TCB.Status, judged.TCB.Advisories)
	default:
		r.ok("the quote verifies with it, and Intel says of this CPU %v", judged.TCB.Status)
	}
}
