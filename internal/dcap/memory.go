package dcap

import "sync"

// How much a memory holds: a chain takes about 20 kilobytes, parsed
// collateral about 200.
const (
	maxChains    = 256
	maxDocuments = 32
)

// Memory remembers which signatures have been found good, so that they need
// not be verified again: those of PCK certificate chains, by their bytes, and
// those of documents and revocation lists. It never remembers a verdict: what
// depends on the time, on revocation or on a quote is judged each time.
//
// Only what leads up to a root that a caller trusts is remembered. The zero
// Memory is ready, bounded in size, and safe for concurrent use.
type Memory struct {
	mu        sync.RWMutex
	chains    map[string]*PCKChain
	documents map[documentsKey]*proven
}

// documentsKey has the documents and the certificates of the authorities that
// they and the revocation lists are by.
type documentsKey struct {
	documents *Documents
	issuers   string
}

// PCK is [Quote.PCK], remembering the chains that have been proven.
func (m *Memory) PCK(q *Quote) (*PCKChain, error) {
	if q.certificateType == certificationPCKChain {
		if p := m.chain(q.certificate); p != nil {
			return p, nil
		}
	}
	return q.PCK()
}

func (m *Memory) chain(raw []byte) *PCKChain {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.chains[string(raw)]
}

// ProveChain verifies what time does not change of a chain under root, once for
// each chain. Verify does so too; who asks before has nothing fetched for a
// chain that is forged.
func (m *Memory) ProveChain(p *PCKChain, root []byte) error {
	if m.chain(p.raw) != nil {
		return p.endsIn(root)
	}
	if err := p.prove(root); err != nil {
		return err
	}
	p = p.keep()
	m.mu.Lock()
	defer m.mu.Unlock()
	put(&m.chains, string(p.raw), p, maxChains)
	return nil
}

func (m *Memory) proveDocuments(d *Documents, pck *PCKChain) (*proven, error) {
	key := documentsKey{d, pck.issuers}
	m.mu.RLock()
	known := m.documents[key]
	m.mu.RUnlock()
	if known != nil {
		return known, nil
	}
	known, err := d.prove(pck)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	put(&m.documents, key, known, maxDocuments)
	return known, nil
}

// put makes room by forgetting anything: which does not matter much, and no
// choice of the other side's should.
func put[K comparable, V any](m *map[K]V, k K, v V, most int) {
	if *m == nil {
		*m = map[K]V{}
	}
	for forgotten := range *m {
		if len(*m) < most {
			break
		}
		delete(*m, forgotten)
	}
	(*m)[k] = v
}
