package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"

	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/usual"
	"github.com/cleave-sdk/cleave/sealing"
)

// blobName is what the host keeps the sealed value under.
const blobName = "value"

// Sizes in bytes.
const (
	minValue   = 16
	maxValue   = 1 << 10
	maxMessage = 64 << 10
)

// A vault has the value once its owner has given it.
type vault struct {
	host   *ocall.Conn
	sealer *sealing.Sealer
	owner  owner

	mu    sync.Mutex
	value []byte
}

// additional binds the blob to its purpose and owner: an enclave that the same
// signer has made for somebody else opens it no more than the host does.
func (v *vault) additional() []byte { return fmt.Appendf(nil, "attestedhttp value of %x", v.owner) }

// load opens the value that the host keeps. Where it keeps none, or one that
// does not open, as on another machine than the one it was sealed on, the owner
// has to give it again. A host that lies about it gets no further than that.
func (v *vault) load(ctx context.Context) error {
	blob, err := usual.Get.Call(ctx, v.host, usual.Want{Name: blobName})
	if errors.Is(err, usual.ErrNoBlob) {
		v.log(ctx, slog.LevelInfo, "there is no value yet: the owner has to give it")
		return nil
	}
	if err != nil {
		return err
	}
	value, err := v.sealer.Open(blob, v.additional())
	if err != nil {
		v.log(ctx, slog.LevelWarn, "the sealed value does not open here: the owner has to give it again", usual.Attr{Key: "why", Value: err.Error()})
		return nil
	}
	v.value = value
	return nil
}

// log tells the host what it may know. That it did not hear is its own loss.
func (v *vault) log(ctx context.Context, level slog.Level, message string, attrs ...usual.Attr) {
	usual.Log.Call(ctx, v.host, usual.Line{Level: level, Message: message, Attrs: attrs})
}

var errAnother = errors.New("another value is held: it is given once, and lasts as long as its owner's key")

// give takes the value, from its owner alone.
func (v *vault) give(w http.ResponseWriter, r *http.Request) {
	if !v.owner.made(r) {
		http.Error(w, "only the owner gives the value, by a TLS certificate of the key named in enclave.json", http.StatusForbidden)
		return
	}
	value, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxValue))
	if err != nil || len(value) < minValue {
		http.Error(w, fmt.Sprintf("a value has %d to %d bytes", minValue, maxValue), http.StatusBadRequest)
		return
	}
	switch err := v.keep(r.Context(), value); {
	case errors.Is(err, errAnother):
		http.Error(w, err.Error(), http.StatusConflict)
	case err != nil:
		http.Error(w, "the host did not store the value: try again", http.StatusBadGateway)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// keep has the host store the value before it counts as held. There is one
// value for ever: were there another, the host could bring the first one back.
func (v *vault) keep(ctx context.Context, value []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.value != nil {
		if subtle.ConstantTimeCompare(v.value, value) != 1 {
			return errAnother
		}
		return nil
	}
	blob, err := v.sealer.Seal(value, v.additional())
	if err != nil {
		return err
	}
	if _, err := usual.Put.Call(ctx, v.host, usual.Blob{Name: blobName, Content: blob}); err != nil {
		return err
	}
	v.value = value
	return nil
}

func (v *vault) held() []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.value
}

func (v *vault) answer(w http.ResponseWriter, r *http.Request) {
	message, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		http.Error(w, fmt.Sprintf("a message has at most %d bytes", maxMessage), http.StatusRequestEntityTooLarge)
		return
	}
	value := v.held()
	if value == nil {
		http.Error(w, "there is no value yet: the owner gives it", http.StatusServiceUnavailable)
		return
	}
	mac := hmac.New(sha256.New, value)
	mac.Write(message)
	fmt.Fprintln(w, hex.EncodeToString(mac.Sum(nil)))
}

func (v *vault) ready(w http.ResponseWriter, _ *http.Request) {
	if v.held() == nil {
		http.Error(w, "there is no value yet: the owner gives it", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
