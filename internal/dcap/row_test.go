package dcap_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// A change is what a test does to a scene.
type change func(*scene)

// A refusal is how Verify ends.
type refusal struct {
	kind error
	name string // Intel's
	says string // part of the text, where Intel's name has several causes
}

func (r refusal) check(t *testing.T, err error) {
	t.Helper()
	var e *dcap.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v; want %v (%s)", err, r.kind, r.name)
	}
	if !errors.Is(err, r.kind) || e.Name != r.name || !strings.Contains(e.Text, r.says) {
		t.Errorf("%v; want %v: …%s… (%s)", err, r.kind, r.says, r.name)
	}
	if len(err.Error()) > 1000 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

// A row says how one change is refused. Rows go by name.
type (
	row struct {
		change
		refusal
	}
	rows map[string]row
)

func malformed(says string) refusal {
	return refusal{dcap.ErrMalformed, "UNSUPPORTED_QUOTE_FORMAT", says}
}

func unsupported(says string) refusal {
	return refusal{dcap.ErrUnsupported, "UNSUPPORTED_QUOTE_FORMAT", says}
}

func forged(name, says string) refusal { return refusal{dcap.ErrForged, name, says} }

func unusable(name, says string) refusal { return refusal{dcap.ErrCollateral, name, says} }

// in plays the rows in another scene than an enclave's.
func (r rows) in(base change) rows {
	for name, row := range r {
		row.change = both(base, row.change)
		r[name] = row
	}
	return r
}

// refused plays each scene and compares how it is refused.
func (r rows) refused(t *testing.T) {
	t.Helper()
	for name, row := range r {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			row.change(s)
			v, err := s.play(t).verify()
			if v != nil {
				t.Fatalf("verified: %+v", v)
			}
			row.check(t, err)
		})
	}
}

// accepted plays each scene, which must verify.
func accepted(t *testing.T, changes map[string]change) {
	t.Helper()
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			change(s)
			if _, err := s.play(t).verify(); err != nil {
				t.Error(err)
			}
		})
	}
}
