package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cleave-sdk/cleave/internal/aesm"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// QuoteHelperSocket is where a node's quote helper, Intel's AESM service,
// listens, and where EGo looks for it.
const QuoteHelperSocket = aesm.Socket

// quoteVariable has EGo's quotes made out of process, whatever its value. It
// is set to 1 by AKS and by Intel's device plugin.
const quoteVariable = "SGX_AESM_ADDR"

var (
	// ErrInProcess is that of a QuoteHelper without a socket: quotes are made in
	// the process that runs the enclave, and nowhere else.
	ErrInProcess = errors.New("quotes are made in process, and only for the enclave in it")
	// ErrQuotesUnavailable is a quote helper that cannot be reached, is slow or
	// has no room: the same request may succeed later.
	ErrQuotesUnavailable = aesm.ErrUnavailable
	// ErrReportRefused is a report that the quoting enclave does not take. One
	// made for a fresh Target may be taken.
	ErrReportRefused = aesm.ErrReport
)

// QuoteHelper is how quotes are made on this node. The zero QuoteHelper is in
// process: the host process that runs the enclave loads Intel's quoting enclave
// too, which needs /dev/sgx_provision. With a Socket it is out of process: an
// AESM service has the quoting enclave and is asked over a socket, as on AKS with
// the quote helper, or by a pod with the annotation
// sgx.intel.com/quote-provider: aesmd.
//
// A trusted half whose runtime has no way to quotes gets them through Target
// and Quote, by ocalls: it makes a report for the one and gives it to the other.
// It believes neither.
//
// It is safe for concurrent use. It has been run with the simulator's quoting
// enclave behind the socket, but not on SGX hardware.
type QuoteHelper struct {
	// Socket is the path at which the service listens, such as
	// QuoteHelperSocket. If empty, quotes are made in process.
	Socket string
	// Timeout bounds each request to the service, of which a quote takes two to
	// eight. If zero, 30 seconds.
	Timeout time.Duration

	once   sync.Once
	client *aesm.Client
}

// FindQuoteHelper chooses as EGo does, by the environment: out of process if
// SGX_AESM_ADDR is set. A set-up in which one half of the container is for one
// way and the other for the other is refused.
func FindQuoteHelper() (*QuoteHelper, error) {
	h, err := node{os.LookupEnv, mode}.quoteHelper()
	if err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	return h, nil
}

// node is what of this one the choice depends on.
type node struct {
	lookup func(variable string) (value string, set bool)
	mode   func(path string) (fs.FileMode, error)
}

func mode(path string) (fs.FileMode, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Mode(), nil
}

func (n node) quoteHelper() (*QuoteHelper, error) {
	value, set := n.lookup(quoteVariable)
	socket, err := n.mode(QuoteHelperSocket)
	switch {
	case set && value != "1":
		return nil, fmt.Errorf("%s is %.32q, and EGo has quotes made out of process for any value, even none: "+
			"set it to 1, or unset it to have them made in process", quoteVariable, value)
	case set && err != nil:
		return nil, fmt.Errorf("%s=1 has quotes made out of process, but there is no quote helper (%w): enable the node's "+
			"(AKS: --enable-sgxquotehelper) and mount /var/run/aesmd, or unset the variable to have them made in process", quoteVariable, err)
	case set && socket.Type() != fs.ModeSocket:
		return nil, fmt.Errorf("%s is no socket: Kubernetes makes a directory of a hostPath that was not there yet; "+
			"mount /var/run/aesmd instead, on a node whose quote helper runs", QuoteHelperSocket)
	case set:
		return &QuoteHelper{Socket: QuoteHelperSocket}, nil
	case err == nil && !n.provisions():
		return nil, fmt.Errorf("a quote helper listens at %s, but %s is not set, and what quotes made in process need, "+
			"/dev/sgx_provision, is not here: set %[2]s=1, or have the device (sgx.intel.com/provision: 1)", QuoteHelperSocket, quoteVariable)
	}
	return new(QuoteHelper), nil
}

// provisions reports whether quotes can be made in process, by the devices of
// current and older drivers.
func (n node) provisions() bool {
	return slices.ContainsFunc([]string{"/dev/sgx_provision", "/dev/sgx/provision"}, func(path string) bool {
		_, err := n.mode(path)
		return err == nil
	})
}

// OutOfProcess reports whether there is a service to ask.
func (h *QuoteHelper) OutOfProcess() bool { return h.Socket != "" }

// Environ returns what EGo is to be started with so that it has quotes made as
// h says: environ, and SGX_AESM_ADDR if and only if that is out of process.
//
// The quotes of EGo are its own runtime's: its image needs Intel's
// libsgx-quote-ex out of process, or else libsgx-dcap-ql, and a quote provider
// library either way for verifying.
func (h *QuoteHelper) Environ(environ []string) ([]string, error) {
	rest := slices.DeleteFunc(slices.Clone(environ), func(v string) bool { return strings.HasPrefix(v, quoteVariable+"=") })
	switch h.Socket {
	case "":
		return rest, nil
	case QuoteHelperSocket:
		return append(rest, quoteVariable+"=1"), nil
	}
	return nil, fmt.Errorf("host: EGo looks for its quote helper at %s, not at %s: have it mounted there", QuoteHelperSocket, h.Socket)
}

// Target is whom reports have to be made for to become quotes: the quoting
// enclave's TARGETINFO, 512 bytes. It may change when the service restarts.
func (h *QuoteHelper) Target(ctx context.Context) ([]byte, error) {
	c, err := h.aesm()
	if err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	target, err := c.Target(ctx)
	if err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	return target.Append(nil), nil
}

// Quote turns a REPORT of 432 bytes, made for Target, into a bare Intel quote.
// Errors are ErrQuotesUnavailable, ErrReportRefused, or what an operator has to
// see to, and say what to do.
func (h *QuoteHelper) Quote(ctx context.Context, report []byte) ([]byte, error) {
	quote, err := h.quote(ctx, report)
	if err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	return quote, nil
}

func (h *QuoteHelper) quote(ctx context.Context, report []byte) ([]byte, error) {
	c, err := h.aesm()
	if err != nil {
		return nil, err
	}
	r, err := sgx.ParseReport(report)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReportRefused, err)
	}
	return c.Quote(ctx, r)
}

func (h *QuoteHelper) aesm() (*aesm.Client, error) {
	if !h.OutOfProcess() {
		return nil, ErrInProcess
	}
	h.once.Do(func() { h.client = &aesm.Client{Socket: h.Socket, Timeout: h.Timeout} })
	return h.client, nil
}

// quotesEnviron is what EGo is started with: environ, as the quotes need it.
func (c Config) quotesEnviron(environ []string) ([]string, error) {
	h := c.Quotes
	if h == nil {
		found, err := node{os.LookupEnv, mode}.quoteHelper()
		if err != nil {
			return nil, err
		}
		h = found
	}
	return h.Environ(environ)
}
