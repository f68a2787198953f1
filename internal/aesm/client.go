package aesm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cleave-sdk/cleave/internal/aesm/aesmpb"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Socket is where the service listens.
const Socket = "/var/run/aesmd/aesm.socket"

const defaultTimeout = 30 * time.Second

var (
	errAnswer = errors.New("not the answer to what was asked")
	errNoKey  = errors.New("the service has no attestation key for ECDSA")
)

// Client asks an AESM service. The zero Client asks the one at [Socket]. It
// is safe for concurrent use; its fields are set before.
//
// Every error is an [*Error], behind the package's prefix.
type Client struct {
	// Socket is the path the service listens at. If empty, [Socket].
	Socket string
	// Timeout bounds each request, of which a quote takes two to eight; a
	// context that ends earlier wins. If zero, 30 seconds.
	Timeout time.Duration

	mu  sync.Mutex
	key *keyID // that the service has, or nil before that is known
}

// Target returns the quoting enclave that reports are to be made for. It may
// change when the service restarts.
func (c *Client) Target(ctx context.Context) (sgx.TargetInfo, error) {
	target, err := c.target(ctx)
	if err != nil {
		return sgx.TargetInfo{}, c.door(err)
	}
	return target, nil
}

// Quote turns a report for [Client.Target] into a bare quote, which is not
// verified. A service that has lost its attestation key since is asked to make
// it again, once.
func (c *Client) Quote(ctx context.Context, report sgx.Report) ([]byte, error) {
	quote, err := c.quote(ctx, report)
	if answered(err, KeyNotInitialised) {
		if _, err = c.target(ctx); err == nil {
			quote, err = c.quote(ctx, report)
		}
	}
	if err != nil {
		return nil, c.door(err)
	}
	return quote, nil
}

// door forgets a key that another service, in the place of the first, does not
// have.
func (c *Client) door(err error) error {
	if answered(err, UnsupportedKey) {
		c.remember(nil)
	}
	return fmt.Errorf("aesm: %w", err)
}

// target initialises the attestation key: the service has to be asked how
// large its hash is, and then for it, to tell what it makes reports for.
func (c *Client) target(ctx context.Context) (t sgx.TargetInfo, err error) {
	key, err := c.keyID(ctx)
	if err != nil {
		return t, err
	}
	first, err := c.init(ctx, &aesmpb.Request_InitQuote{KeyId: key[:], WithKeyHash: proto.Bool(false)})
	if err != nil {
		return t, err
	}
	second, err := c.init(ctx, &aesmpb.Request_InitQuote{KeyId: key[:], WithKeyHash: proto.Bool(true), BufferSize: first.KeyHashSize})
	if err != nil {
		return t, err
	}
	if t, err = sgx.ParseTargetInfo(second.TargetInfo); err != nil {
		return t, &Error{Step: "target", Err: errAnswer}
	}
	return t, nil
}

func (c *Client) init(ctx context.Context, r *aesmpb.Request_InitQuote) (*aesmpb.Response_InitQuote, error) {
	r.Timeout = c.microseconds(ctx)
	m, err := c.ask(ctx, "target", &aesmpb.Request{InitQuote: r})
	if err != nil {
		return nil, err
	}
	return answer("target", m.InitQuote)
}

func (c *Client) quote(ctx context.Context, report sgx.Report) ([]byte, error) {
	key, err := c.keyID(ctx)
	if err != nil {
		return nil, err
	}
	size, err := c.quoteSize(ctx, key)
	if err != nil {
		return nil, err
	}
	m, err := c.ask(ctx, "quote", &aesmpb.Request{Quote: &aesmpb.Request_Quote{
		Report: report.Append(nil), KeyId: key[:], BufferSize: &size, Timeout: c.microseconds(ctx)}})
	if err != nil {
		return nil, err
	}
	a, err := answer("quote", m.Quote)
	if err != nil {
		return nil, err
	}
	quote, ok := trim(a.Quote)
	if !ok || len(a.Quote) > int(size) {
		return nil, &Error{Step: "quote", Err: errAnswer}
	}
	return quote, nil
}

func (c *Client) quoteSize(ctx context.Context, key keyID) (uint32, error) {
	m, err := c.ask(ctx, "size", &aesmpb.Request{QuoteSize: &aesmpb.Request_QuoteSize{KeyId: key[:], Timeout: c.microseconds(ctx)}})
	if err != nil {
		return 0, err
	}
	a, err := answer("size", m.QuoteSize)
	if err != nil {
		return 0, err
	}
	if n := a.GetSize(); n <= quoteHead || n > maxQuote {
		return 0, &Error{Step: "size", Err: errAnswer}
	}
	return a.GetSize(), nil
}
