package attest

import "sync"

// ownCache is the cache of a verifier that has been given no source.
type ownCache struct {
	once  sync.Once
	cache Cache
}

// source is where v gets collateral from.
func (v *Verifier) source() Source {
	if v.Collateral != nil {
		return v.Collateral
	}
	v.own.once.Do(func() { v.own.cache.Time, v.own.cache.Grace = v.now, v.Policy.grace() })
	return &v.own.cache
}
