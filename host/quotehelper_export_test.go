package host

import (
	"context"
	"io/fs"

	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/internal/sim/ert"
)

// FindQuoteHelperIn is FindQuoteHelper on another node.
func FindQuoteHelperIn(environment map[string]string, files map[string]fs.FileMode) (*QuoteHelper, error) {
	return node{
		func(name string) (string, bool) { v, set := environment[name]; return v, set },
		func(path string) (fs.FileMode, error) {
			m, ok := files[path]
			if !ok {
				return 0, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
			}
			return m, nil
		},
	}.quoteHelper()
}

// ServeQuotes has a machine's quotes made by an AESM service at socket, until
// stopped.
func ServeQuotes(ctx context.Context, m *sim.Machine) (machine ert.Machine, socket string, stop func(), err error) {
	i := newInstance(ctx)
	q, err := i.serveQuotes(m)
	if err != nil {
		i.close()
		return nil, "", nil, err
	}
	return q, q.helper.Socket, i.close, nil
}
