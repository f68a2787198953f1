package enclave

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/platform/detect"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/sealing"
)

// ErrOutside is the error of [Open] in a process that is in no enclave.
var ErrOutside = errors.New("enclave: this process is not inside an enclave; start it with `ego run`, or by package host (with Simulate where there is no SGX), or in Gramine or Occlum")

// openTimeout bounds the one local report that New asks for.
const openTimeout = 30 * time.Second

// Platform is the enclave the program runs in. It is made by [Open]; the
// methods of a zero or nil Platform fail with [ErrOutside].
//
// A Platform is safe for concurrent use, and is the keys that package sealing
// asks for.
type Platform struct {
	platform platform.Platform
	identity attest.Identity
	target   sgx.TargetInfo
}

var _ sealing.Keys = (*Platform)(nil)

// Open finds the platform: EGo's runtime, on SGX or on the simulator, or else
// Gramine, or Occlum. It returns [ErrOutside] only where there is none. A
// platform that is there and fails is an error of its own, so that no host can
// have a program believe it is outside, or somewhere else.
func Open() (*Platform, error) {
	p, err := detect.Open()
	if errors.Is(err, platform.ErrAbsent) {
		return nil, ErrOutside
	}
	if err != nil {
		return nil, fmt.Errorf("enclave: %w", err)
	}
	return New(p)
}

// New uses a platform that is already open. Programs use [Open]; this is for
// this module's own tests, which bring platforms of another kind.
func New(p platform.Platform) (*Platform, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	report, err := p.Report(ctx, sgx.TargetInfo{}, [64]byte{})
	if err != nil {
		return nil, fmt.Errorf("enclave: asking %s for the enclave's identity: %w", p.Name(), err)
	}
	return &Platform{platform: p, identity: identify(&report.Body), target: report.Body.Target()}, nil
}

// Identity is who this enclave is, as policies of package attest ask for it.
func (p *Platform) Identity() attest.Identity {
	if p == nil {
		return attest.Identity{}
	}
	return p.identity
}

// Level is the security versions that sealing keys depend on, for package
// sealing.
func (p *Platform) Level() sealing.Level {
	if p == nil || p.platform == nil {
		return sealing.Level{}
	}
	return p.platform.Level()
}

// SealingKey is a key only this enclave or its signer's can have, for package
// sealing. Programs use a [sealing.Sealer].
func (p *Platform) SealingKey(r sealing.KeyRequest) ([16]byte, error) {
	if p == nil || p.platform == nil {
		return [16]byte{}, ErrOutside
	}
	return p.platform.SealingKey(r)
}
