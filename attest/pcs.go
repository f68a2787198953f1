package attest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Intel's provisioning certification service (PCS), version 4.
const (
	intelPCS     = "https://api.trustedservices.intel.com/sgx/certification/v4"
	intelRootCRL = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
)

// maxCollateralSize bounds one document. Intel's have up to 40 kilobytes.
const maxCollateralSize = 1 << 20

// PCS is a service with the paths of Intel's provisioning certification
// service: Intel's own, a caching one (PCCS), or a simulator's.
type PCS struct {
	// URL ends in the version, such as https://…/sgx/certification/v4. If
	// empty, Intel's.
	URL string
	// RootCRL is the URL of the root's revocation list. If empty, "rootcacrl"
	// below URL, or, for Intel's own service, which does not have that, Intel's.
	RootCRL string
	// Client makes the requests. If nil, one that gives up after 30 seconds
	// and follows no redirects.
	Client *http.Client
}

// Collateral fetches the four documents at once. Each has at most 1 MiB.
func (p *PCS) Collateral(ctx context.Context, s Subject) (*Collateral, error) {
	var c Collateral
	base := p.base()
	err := all(
		func() (err error) {
			c.TCBInfo, c.TCBInfoChain, err = p.fetch(ctx, base+"/tcb?fmspc="+hex.EncodeToString(s.FMSPC[:]), "TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain")
			return err
		},
		func() (err error) {
			c.QEIdentity, c.QEIdentityChain, err = p.fetch(ctx, base+"/qe/identity", "SGX-Enclave-Identity-Issuer-Chain")
			return err
		},
		func() (err error) {
			c.PCKCRL, _, err = p.fetch(ctx, base+"/pckcrl?encoding=der&ca="+url.QueryEscape(s.CA))
			return err
		},
		func() (err error) {
			c.RootCRL, _, err = p.fetch(ctx, p.rootCRL())
			return err
		},
	)
	if err != nil {
		return nil, err
	}
	return &c, nil
}

func (p *PCS) base() string {
	if p.URL == "" {
		return intelPCS
	}
	return strings.TrimSuffix(p.URL, "/")
}

func (p *PCS) rootCRL() string {
	switch {
	case p.RootCRL != "":
		return p.RootCRL
	case p.base() == intelPCS:
		return intelRootCRL
	}
	return p.base() + "/rootcacrl"
}

// fetch returns a document and the chain in the first of the headers that is
// there.
func (p *PCS) fetch(ctx context.Context, address string, headers ...string) (body, chain []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("attest: %w: %w", ErrCollateral, err)
	}
	resp, err := p.client().Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("attest: %w: %w", ErrCollateral, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, nil, fail(ErrCollateral, "%s answers %.80q", address, resp.Status)
	}
	if body, err = readBounded(resp.Body, address); err != nil {
		return nil, nil, fmt.Errorf("attest: %w: %w", ErrCollateral, err)
	}
	chain, err = chainHeader(resp.Header, headers)
	if err != nil {
		return nil, nil, fail(ErrCollateral, "%s: %v", address, err)
	}
	return body, chain, nil
}

func chainHeader(h http.Header, names []string) ([]byte, error) {
	if len(names) == 0 {
		return nil, nil
	}
	for _, name := range names {
		if v := h.Get(name); v != "" {
			chain, err := url.PathUnescape(v)
			return []byte(chain), err
		}
	}
	return nil, errors.New("no header " + names[0])
}

func (p *PCS) client() *http.Client {
	if p.Client != nil {
		return p.Client
	}
	return &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// all runs the functions at once and returns the first error in their order.
func all(functions ...func() error) error {
	errs := make([]error, len(functions))
	var wg sync.WaitGroup
	for i, f := range functions {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
