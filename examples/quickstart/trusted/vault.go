package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/cleave-sdk/cleave/examples/quickstart/calls"
	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/sealing"
)

// The secret is kept under a name, and sealed for that name, so that the host
// cannot put another of the enclave's blobs in its place.
const secretName = "secret"

// Sizes in bytes.
const (
	minSecret  = 16
	maxSecret  = 1 << 10
	maxMessage = 64 << 10
)

// A vault has the secret once its owner has given it.
type vault struct {
	host   *ocall.Conn
	sealer *sealing.Sealer

	mu     sync.Mutex
	secret []byte
}

// openVault opens the secret that the host keeps. A host that says there is
// none, though there was, has the owner asked for it again: no more.
func openVault(ctx context.Context, host *ocall.Conn, sealer *sealing.Sealer) (*vault, error) {
	v := &vault{host: host, sealer: sealer}
	blob, err := calls.Load.Call(ctx, host, secretName)
	if err != nil {
		return nil, err
	}
	if len(blob) > 0 {
		if v.secret, err = sealer.Open(blob, []byte(secretName)); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (v *vault) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /secret", v.provision)
	mux.HandleFunc("POST /sign", v.sign)
	return mux
}

var errHeld = errors.New("a secret is held already")

// provision takes the secret from whoever comes first. That is the owner's to
// see to: he sends it before he lets anybody rely on this instance.
func (v *vault) provision(w http.ResponseWriter, r *http.Request) {
	secret, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSecret))
	if err != nil || len(secret) < minSecret {
		http.Error(w, fmt.Sprintf("a secret has %d to %d bytes", minSecret, maxSecret), http.StatusBadRequest)
		return
	}
	switch err := v.keep(r.Context(), secret); {
	case errors.Is(err, errHeld):
		http.Error(w, err.Error(), http.StatusConflict)
	case err != nil:
		http.Error(w, "the secret could not be stored", http.StatusBadGateway)
	}
}

// keep has the host store the secret before it counts as held.
func (v *vault) keep(ctx context.Context, secret []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.secret != nil {
		return errHeld
	}
	blob, err := v.sealer.Seal(secret, []byte(secretName))
	if err != nil {
		return err
	}
	if _, err := calls.Store.Call(ctx, v.host, calls.Blob{Name: secretName, Content: blob}); err != nil {
		return err
	}
	v.secret = secret
	return nil
}

func (v *vault) sign(w http.ResponseWriter, r *http.Request) {
	message, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		http.Error(w, fmt.Sprintf("a message has at most %d bytes", maxMessage), http.StatusRequestEntityTooLarge)
		return
	}
	v.mu.Lock()
	secret := v.secret
	v.mu.Unlock()
	if secret == nil {
		http.Error(w, "no secret yet: the owner gives it by PUT /secret", http.StatusServiceUnavailable)
		return
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(message)
	fmt.Fprintln(w, hex.EncodeToString(mac.Sum(nil)))
}
