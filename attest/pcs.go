package attest

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Intel's provisioning certification service (PCS), version 4.
const (
	intelPCS     = "https://api.trustedservices.intel.com/sgx/certification/v4"
	intelRootCRL = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
)

// PCS is a service with the paths of Intel's provisioning certification
// service: Intel's own, a caching one (PCCS), or a simulator's. The zero PCS is
// Intel's. It is not changed by use and safe for concurrent use.
//
// Nothing is remembered: put a [Cache] before it.
type PCS struct {
	// URL ends in the version, such as https://…/sgx/certification/v4. If
	// empty, Intel's. What concerns TDX is asked for below /tdx/ instead.
	URL string
	// RootCRL is the URL of the root's revocation list. If empty, "rootcacrl"
	// below URL, or, for Intel's own service, which does not have that, Intel's.
	RootCRL string
	// Update chooses between Intel's judgements. If empty, the service does:
	// Intel's own gives the standard ones.
	Update Update
	// Retries is how often a request is made again that failed in a way that
	// may pass: no connection, no answer in 20 seconds, status 429 or 5xx. If
	// 0, three times; if negative, never. Between tries it waits up to 0.25,
	// 0.5, 1… 10 seconds, or as long as the service asks, up to 30 seconds.
	Retries int
	// Client makes the requests. If nil, [http.DefaultTransport] does. A client
	// without a CheckRedirect follows no redirects.
	Client *http.Client
}

// Update says which of Intel's judgements are wanted after a TCB recovery.
type Update string

const (
	// EarlyUpdate judges by the newest weaknesses as soon as they are public.
	EarlyUpdate Update = "early"
	// StandardUpdate gives operators time to update their machines first,
	// usually some months.
	StandardUpdate Update = "standard"
)

// AzureTHIM returns Azure's Trusted Hardware Identity Management, which answers
// from everywhere. What it has can be past its next update, and is then refused
// like any other that has expired: ask Intel's.
func AzureTHIM() *PCS {
	return &PCS{URL: "https://global.acccache.azure.net/sgx/certification/v4"}
}

// AlibabaPCCS returns Alibaba Cloud's service of a region such as cn-hangzhou.
func AlibabaPCCS(region string) (*PCS, error) { return alibaba("sgx-dcap-server", region) }

// AlibabaVPCPCCS returns Alibaba Cloud's service of a region as it is reached
// from within its virtual private clouds.
func AlibabaVPCPCCS(region string) (*PCS, error) { return alibaba("sgx-dcap-server-vpc", region) }

func alibaba(service, region string) (*PCS, error) {
	if region == "" || strings.Trim(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return nil, unusable("%.40q is not a region: give one such as cn-hangzhou", region)
	}
	return &PCS{URL: "https://" + service + "." + region + ".aliyuncs.com/sgx/certification/v4"}, nil
}

// Collateral fetches the four documents at once. Each has at most 1 MiB.
func (p *PCS) Collateral(ctx context.Context, s Subject) (*Collateral, error) {
	base, err := p.base(s.TEE)
	if err != nil {
		return nil, err
	}
	var c Collateral
	fetch := func(body, chain *[]byte, address string, headers ...string) func(context.Context) error {
		return func(ctx context.Context) (err error) {
			a, err := p.fetch(ctx, request{address, headers})
			*body = a.body
			if chain != nil {
				*chain = a.chain
			}
			return err
		}
	}
	err = all(ctx,
		fetch(&c.TCBInfo, &c.TCBInfoChain, base+"/tcb?"+p.query("fmspc", hex.EncodeToString(s.FMSPC[:])), "TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain"),
		fetch(&c.QEIdentity, &c.QEIdentityChain, strings.TrimSuffix(base+"/qe/identity?"+p.query(), "?"), "SGX-Enclave-Identity-Issuer-Chain", "Enclave-Identity-Issuer-Chain"),
		fetch(&c.PCKCRL, nil, p.url()+"/pckcrl?encoding=der&ca="+url.QueryEscape(s.CA)),
		fetch(&c.RootCRL, nil, p.rootCRL()),
	)
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// query has the pairs and, last, the choice of update.
func (p *PCS) query(pairs ...string) string {
	if p.Update != "" {
		pairs = append(pairs, "update", url.QueryEscape(string(p.Update)))
	}
	var q strings.Builder
	for i, s := range pairs {
		q.WriteString(s)
		if i+1 < len(pairs) {
			q.WriteByte("=&"[i%2])
		}
	}
	return q.String()
}

func (p *PCS) url() string {
	if p.URL == "" {
		return intelPCS
	}
	return strings.TrimRight(p.URL, "/")
}

// base is where what differs between the TEEs is.
func (p *PCS) base(t TEE) (string, error) {
	const sgx, tdx = "/sgx/certification/", "/tdx/certification/"
	base := p.url()
	i := strings.LastIndex(base, sgx)
	switch {
	case t == SGX:
		return base, nil
	case t == TDX && i >= 0:
		return base[:i] + tdx + base[i+len(sgx):], nil
	case t == TDX:
		return "", unusable("%.200q has no place for TDX: give a URL that ends in /sgx/certification/v4", base)
	}
	return "", unusable("there is none for %v: ask about %v or %v", t, SGX, TDX)
}

func (p *PCS) rootCRL() string {
	switch {
	case p.RootCRL != "":
		return p.RootCRL
	case p.url() == intelPCS:
		return intelRootCRL
	}
	return p.url() + "/rootcacrl"
}

// all runs the functions at once and returns the first error, which ends the
// others.
func all(ctx context.Context, functions ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var once sync.Once
	var first error
	for _, f := range functions {
		wg.Go(func() {
			if err := f(ctx); err != nil {
				once.Do(func() { first = err })
				cancel()
			}
		})
	}
	wg.Wait()
	return first
}
