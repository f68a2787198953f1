package main

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/examples/attestedhttp/calls"
	"github.com/cleave-sdk/cleave/ocall"
)

// renewals tell the host when renewing the certificate begins to fail, and when
// that is over. Nothing here depends on whether it listens: it can have quotes
// fail as it likes, and this is for those who run it.
type renewals struct {
	err  func() error
	tell func(ctx context.Context, why string) error

	mu   sync.Mutex
	told string
}

func newRenewals(creds *enclave.Credentials, conn *ocall.Conn) *renewals {
	return &renewals{err: creds.Err, tell: func(ctx context.Context, why string) error {
		_, err := calls.Renewal.Call(ctx, conn, why)
		return err
	}}
}

// before has a handler called once the host knows. It asks for readiness every
// few seconds, and its handshakes are what has certificates renewed.
func (r *renewals) before(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.look(request.Context())
		h(w, request)
	})
}

func (r *renewals) look(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	why := ""
	if err := r.err(); err != nil {
		why = brief(err.Error())
	}
	if why != r.told && r.tell(ctx, why) == nil {
		r.told = why
	}
}

func brief(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), calls.MaxTrouble)], "")
}
