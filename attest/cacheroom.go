package attest

// room returns the entry of s, which is made if it is not there.
func (c *Cache) room(s Subject) *entry {
	e := c.entries[s]
	if e == nil {
		e = new(entry)
		c.entries[s] = e
	}
	c.touch(e)
	return e
}

func (c *Cache) touch(e *entry) {
	c.uses++
	e.used = c.uses
}

// trim keeps the bounds. What was just added stays.
func (c *Cache) trim(added *entry) {
	for len(c.entries) > maxEntries || c.size > maxSize {
		s, e := c.least(added)
		if e == nil {
			return
		}
		c.size -= e.size
		delete(c.entries, s)
	}
}

// least finds the entry that is needed least: one that is only an error, or the
// one that has not been used for longest. Evidence of invented platforms thus
// drives out no real one.
func (c *Cache) least(added *entry) (subject Subject, least *entry) {
	for s, e := range c.entries {
		if e == added || e.call != nil {
			continue
		}
		if least == nil || e.less(least) {
			subject, least = s, e
		}
	}
	return subject, least
}

func (e *entry) less(o *entry) bool {
	if empty := e.collateral == nil; empty != (o.collateral == nil) {
		return empty
	}
	return e.used < o.used
}
