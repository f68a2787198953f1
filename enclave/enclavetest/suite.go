package enclavetest

import (
	"context"
	"errors"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
)

// purpose is what everything the suite makes is for.
const purpose = "cleave conformance v1"

// TestPlatform checks that p is what trusted halves rely on: who it says it
// is, what it signs, which keys it gives and which it refuses, from many
// goroutines at once. The verifier must trust p; if nil, quotes are not
// verified and no TLS connection is made.
//
// It takes a second or two, and a hundred quotes. It runs wherever a test can
// run: `ego-go test -c` makes a program that `ego sign` and `ego run` take.
func TestPlatform(t *testing.T, p *enclave.Platform, v *attest.Verifier) {
	s := suite{p, v}
	t.Run("Identity", s.identity)
	t.Run("Quotes", s.quotes)
	t.Run("QuotesAtOnce", s.quotesAtOnce)
	t.Run("LocalReports", s.localReports)
	t.Run("SealingKeys", s.sealingKeys)
	t.Run("SealingKeysBeyond", s.sealingKeysBeyond)
	t.Run("SealingKeysAtOnce", s.sealingKeysAtOnce)
	t.Run("Sealing", s.sealing)
	t.Run("Ended", s.ended)
	t.Run("TLS", s.tls)
}

type suite struct {
	*enclave.Platform
	verifier *attest.Verifier
}

func (s suite) identity(t *testing.T) {
	id := s.Identity()
	if id.Measurement == (attest.Measurement{}) {
		t.Error("the measurement is zero")
	}
	if id.Signer == (attest.Signer{}) {
		t.Error("the signer is zero")
	}
	if again := s.Identity(); again != id {
		t.Errorf("the identity is %v, then %v", id, again)
	}
}

// ended checks that what is not wanted any more is not done.
func (s suite) ended(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if quote, err := s.Quote(ctx, purpose, nil); !errors.Is(err, context.Canceled) || quote != nil {
		t.Errorf("a quote of %d bytes, %v", len(quote), err)
	}
	if report, err := s.LocalReport(ctx, s.Target(), purpose, nil); !errors.Is(err, context.Canceled) || report != nil {
		t.Errorf("a report of %d bytes, %v", len(report), err)
	}
}
