package attest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// tryTime bounds one try, from the connection to the last byte.
const tryTime = 20 * time.Second

// A request is for a document at an address and, if headers are named, for the
// chain in the first of them that is there.
type request struct {
	address string
	headers []string
}

type answer struct{ body, chain []byte }

// fetch asks until there is an answer or no hope of one.
func (p *PCS) fetch(ctx context.Context, r request) (answer, error) {
	client := p.client()
	a, err := retry(ctx, p.retries(), func() (answer, error) { return r.try(ctx, client) })
	var said *refusal
	switch {
	case errors.As(err, &said):
		return answer{}, &failure{ErrCollateral, err, err.Error()}
	case err != nil:
		return answer{}, because(ErrCollateral, err)
	}
	return a, nil
}

func (p *PCS) client() *http.Client {
	client := http.Client{}
	if p.Client != nil {
		client = *p.Client
	}
	if client.CheckRedirect == nil {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return &client
}

func (p *PCS) retries() int {
	if p.Retries == 0 {
		return 3
	}
	return max(p.Retries, 0)
}

func (r request) try(ctx context.Context, client *http.Client) (answer, error) {
	limited, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, http.MethodGet, r.address, nil)
	if err != nil {
		return answer{}, err
	}
	if req.URL.Scheme != "https" && req.URL.Scheme != "http" {
		return answer{}, fmt.Errorf("%.200q is not the URL of a service", r.address)
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, lost(ctx, err)
	}
	defer resp.Body.Close()
	return r.read(ctx, resp)
}

func (r request) read(ctx context.Context, resp *http.Response) (answer, error) {
	if err := r.refused(resp); err != nil {
		return answer{}, err
	}
	body, err := readBounded(resp.Body, r.address)
	if errors.Is(err, errTooLarge) {
		return answer{}, err
	}
	if err != nil {
		return answer{}, lost(ctx, err)
	}
	chain, err := chainHeader(resp.Header, r.headers)
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", r.address, err)
	}
	return answer{body, chain}, nil
}

// lost is the error of an answer that did not arrive. Trying again helps,
// unless the caller has given up or it is about who the service is.
func lost(ctx context.Context, err error) error {
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	if ctx.Err() != nil || errors.As(err, &certificate) || errors.As(err, &name) && name.IsNotFound {
		return err
	}
	return &passing{err, 0}
}

// A refusal is an answer that is none, and what to do about it.
type refusal struct{ address, status, advice string }

func (r *refusal) Error() string {
	return fmt.Sprintf("%s answers %.80q: %s", r.address, r.status, r.advice)
}

// refused is nil if there is an answer.
func (r request) refused(resp *http.Response) error {
	status := resp.StatusCode
	refused := func(advice string) error { return &refusal{r.address, resp.Status, advice} }
	switch {
	case status == http.StatusOK:
		return nil
	case status == http.StatusTooManyRequests || status >= 500:
		after := retryAfter(resp.Header.Get("Retry-After"), time.Now())
		return &passing{refused("try again later, or ask another source"), after}
	case status >= 300 && status < 400:
		return refused(fmt.Sprintf("redirects are not followed: give the URL itself, which may be %.200q", resp.Header.Get("Location")))
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return refused("use a client that has its credentials")
	}
	return refused("it does not have this: check the URL and which platform is asked for, or ask another source")
}

var errTooLarge = fmt.Errorf("has more than %d bytes", maxCollateralSize)

// readBounded reads one document.
func readBounded(r io.Reader, name string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxCollateralSize+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(b) > maxCollateralSize {
		return nil, fmt.Errorf("%s %w", name, errTooLarge)
	}
	return b, nil
}

// maxChainHeader bounds a chain of certificates as it is sent. Intel's have
// three kilobytes, escaped.
const maxChainHeader = 64 << 10

func chainHeader(h http.Header, names []string) ([]byte, error) {
	if len(names) == 0 {
		return nil, nil
	}
	for _, name := range names {
		if v := h.Get(name); len(v) > maxChainHeader {
			return nil, fmt.Errorf("its header %s has more than %d bytes", name, maxChainHeader)
		} else if v != "" {
			chain, err := unescape(v)
			return []byte(chain), err
		}
	}
	return nil, errors.New("no header " + names[0])
}

// unescape undoes either way of escaping: some services write spaces as plus
// signs, the others leave those of base64 as they are.
func unescape(s string) (string, error) {
	if strings.Contains(s, "BEGIN+CERTIFICATE") {
		return url.QueryUnescape(s)
	}
	return url.PathUnescape(s)
}
