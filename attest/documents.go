package attest

import (
	"sync"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// maxParsed bounds how many collateral is kept parsed, which takes about 200
// kilobytes each.
const maxParsed = 32

// documents keeps collateral parsed, as long as its source returns the same.
// It is safe for concurrent use.
type documents struct {
	mu     sync.Mutex
	parsed map[*Collateral]parsed
}

// parsed also has what was parsed: a caller might put other documents in the
// same place, though it should not.
type parsed struct {
	from      Collateral
	documents *dcap.Documents
}

func (d *documents) parse(c *Collateral) (*dcap.Documents, error) {
	d.mu.Lock()
	known, ok := d.parsed[c]
	d.mu.Unlock()
	if ok && known.from.is(c) {
		return known.documents, nil
	}
	known.from = *c
	var err error
	if known.documents, err = dcap.ParseCollateral(dcap.Collateral(known.from)); err != nil {
		return nil, refused(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.parsed == nil || len(d.parsed) >= maxParsed {
		d.parsed = map[*Collateral]parsed{}
	}
	d.parsed[c] = known
	return known.documents, nil
}

// is reports whether two have the very same documents in memory.
func (c *Collateral) is(other *Collateral) bool {
	a, b := c.parts(), other.parts()
	for i := range a {
		if len(*a[i]) != len(*b[i]) || len(*a[i]) > 0 && &(*a[i])[0] != &(*b[i])[0] {
			return false
		}
	}
	return true
}
