package doctor

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

const intelService = "https://api.trustedservices.intel.com/sgx/certification/v4/"

// inquiry is what the collateral service has said, which several checks look
// at.
type inquiry struct {
	service string // its URL
	secure  bool   // whether its certificate counts
	kind    kind
	heard   *listener
	err     error // why there is no collateral

	collateral *attest.Collateral
	outline    *attest.Outline
	forged     error // why it is not genuine; then nothing else in it counts
	listed     bool  // whether the list of PCK certificates is genuine too
}

// inquire asks once, and does not ask again what has failed: what fails now and
// then is worth a finding.
func (n *Node) inquire(ctx context.Context) *inquiry {
	service, secure := n.collateralService()
	client := n.HTTP
	if !secure {
		client = n.Insecure
	}
	a := &inquiry{service: service, secure: secure, kind: n.kind(), heard: &listener{next: client.Transport, now: n.Now}}
	asking := *client
	asking.Transport = a.heard
	source := attest.PCS{URL: service, Retries: -1, Client: &asking}
	if a.collateral, a.err = source.Collateral(ctx, a.kind.Subject); a.err != nil {
		return a
	}
	if a.outline, a.err = a.collateral.Outline(); a.err != nil {
		return a
	}
	a.listed, a.forged = n.genuine(a.collateral, a.heard.chain())
	return a
}

// collateralService is the service the node uses, or Intel's, and whether its
// certificate counts.
func (n *Node) collateralService() (service string, secure bool) {
	c, err := n.qcnlConf()
	if err != nil || !serviceURL(c.service()) {
		return intelService, true
	}
	return c.service(), c.secure()
}

// curl is the command that asks the service for what anybody may, and for its
// certificate no more than the quote provider does.
func (a *inquiry) curl(flags string) string {
	if !a.secure {
		flags += " -k"
	}
	return "`curl -v" + flags + " " + strings.TrimRight(a.service, "/") + "/qe/identity`"
}

// host is the service's, with and without its port.
func (a *inquiry) host() (name, address string) {
	u, err := url.Parse(a.service)
	if err != nil {
		return "", ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Hostname(), u.Hostname() + ":" + port
}

// listener notes what answers say beside their documents.
type listener struct {
	next http.RoundTripper // if nil, http.DefaultTransport
	now  func() time.Time

	mu     sync.Mutex
	status int           // of the first answer that is none
	dated  bool          // whether an answer said what time it is
	off    time.Duration // how far this clock is ahead of the service's
	issuer string        // beside the list of PCK certificates
}

// RoundTrip implements http.RoundTripper.
func (l *listener) RoundTrip(r *http.Request) (*http.Response, error) {
	next := l.next
	if next == nil {
		next = http.DefaultTransport
	}
	response, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if response.StatusCode != http.StatusOK && l.status == 0 {
		l.status = response.StatusCode
	}
	if issuer := response.Header.Get("SGX-PCK-CRL-Issuer-Chain"); issuer != "" {
		l.issuer = issuer
	}
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		l.dated, l.off = true, l.now().Sub(date).Round(time.Second)
	}
	return response, nil
}

func (l *listener) chain() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.issuer
}

func (l *listener) refused() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

func (l *listener) clock() (off time.Duration, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.off, l.dated
}
