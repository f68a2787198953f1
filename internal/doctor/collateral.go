package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const intelService = "https://api.trustedservices.intel.com/sgx/certification/v4/"

// window is when a document is good.
type window struct {
	IssueDate  time.Time `json:"issueDate"`
	NextUpdate time.Time `json:"nextUpdate"`
}

// answer is a service's, and what its clock said.
type answer struct {
	body []byte
	date time.Time // zero if it did not say
}

// collateralService is the service the node uses, or Intel's.
func (n *Node) collateralService() (service string, client *http.Client) {
	c, err := n.qcnlConf()
	if err != nil || !serviceURL(c.service()) {
		return intelService, n.HTTP
	}
	if !c.secure() {
		return c.service(), n.Insecure
	}
	return c.service(), n.HTTP
}

func collateral(ctx context.Context, n *Node, r *report) {
	for _, q := range n.queries() {
		w, err := n.window(ctx, q)
		const reach = "check the URL in the QCNL configuration, DNS, proxy and network policy: "
		service, _ := n.collateralService()
		switch {
		case err != nil:
			r.fail(reach+"`curl -v "+address(service, q)+"`", "%s cannot be had from %s: %v", q.name, service, err)
		case n.Now().After(w.NextUpdate):
			r.fail("refresh the caching service, or name Intel's own in collateral_service: "+intelService,
				"%s of %s is stale: it was good until %s", q.name, service, w.NextUpdate.Format(time.RFC3339))
		default:
			r.ok("%s of %s is good until %s", q.name, service, w.NextUpdate.Format(time.RFC3339))
		}
	}
	if n.FMSPC == "" {
		r.warn("give it with -fmspc, or a quote made here with -quote", "what Intel says of this kind of CPU was not asked for: only a quote names it (FMSPC)")
	}
}

// query is a document to ask for.
type query struct{ name, path, member string }

func (n *Node) queries() []query {
	q := []query{{"the quoting enclave's identity", "qe/identity", "enclaveIdentity"}}
	if n.FMSPC != "" {
		q = append(q, query{"the TCB info of this CPU", "tcb?fmspc=" + url.QueryEscape(n.FMSPC), "tcbInfo"})
	}
	return q
}

func address(service string, q query) string { return strings.TrimRight(service, "/") + "/" + q.path }

func (n *Node) window(ctx context.Context, q query) (window, error) {
	service, client := n.collateralService()
	a, err := ask(ctx, client, address(service, q))
	if err != nil {
		return window{}, err
	}
	var members map[string]json.RawMessage
	var w window
	if json.Unmarshal(a.body, &members) != nil || json.Unmarshal(members[q.member], &w) != nil || w.NextUpdate.IsZero() {
		return window{}, errors.New("the answer is not what such a service says")
	}
	return w, nil
}

func ask(ctx context.Context, client *http.Client, address string) (*answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxFile))
	if err != nil {
		return nil, err
	}
	date, _ := http.ParseTime(response.Header.Get("Date")) // zero if it is none
	return &answer{body, date}, nil
}

// maxClockError is how far a clock may be off before certificates seem to be
// of the future.
const maxClockError = 2 * time.Minute

// clock compares with the service's, which nobody vouches for: it tells a
// mistake, not an attack.
func clock(ctx context.Context, n *Node, r *report) {
	const fix = "start a time service: `systemctl enable --now chronyd`; a container has its node's clock"
	q := n.queries()[0]
	service, client := n.collateralService()
	a, err := ask(ctx, client, address(service, q))
	if err != nil || a.date.IsZero() {
		r.warn(fix, "there is no clock to compare with: %v", cmp.Or(err, errors.New("the service does not say what time it is")))
		return
	}
	off := n.Now().Sub(a.date).Round(time.Second)
	if off.Abs() > maxClockError {
		r.fail(fix, "this clock is %v %s that of %s", off.Abs(), direction(off), service)
		return
	}
	r.ok("within %v of %s's", maxClockError, service)
}

func direction(d time.Duration) string {
	if d < 0 {
		return "behind"
	}
	return "ahead of"
}
