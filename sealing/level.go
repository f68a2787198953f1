package sealing

import "fmt"

// level is the platform's, once it is clear that s may seal and open at all.
func (s *Sealer) level() (Level, error) {
	if s == nil || s.keys == nil {
		return Level{}, errNoKeys
	}
	if !s.binding.valid() {
		return Level{}, errNoBinding
	}
	own := s.keys.Level().stated()
	switch {
	case !own.Source.valid():
		return Level{}, errNoSource
	case own.Source == SourceFixed && (s.MinSVN != 0 || s.MinCPUSVN != [16]byte{}):
		return Level{}, errFloors
	case !s.aboveFloors(own):
		return Level{}, errBelowFloor
	}
	return own, nil
}

// check decides, on nothing but what the header shows, whether the key of h
// may be asked for.
func (s *Sealer) check(h *header, own Level) error {
	switch {
	case h.binding != s.binding:
		return fmt.Errorf("%w: the blob is bound %v, the Sealer %v", ErrOther, h.binding, s.binding)
	case h.level.Source != own.Source:
		return fmt.Errorf("%w: the blob's keys are from %v, the platform's from %v", ErrOther, h.level.Source, own.Source)
	case h.level.SVN > own.SVN:
		return fmt.Errorf("%w: by an enclave of security version %d, and this one has %d; has the program been downgraded?", ErrNewer, h.level.SVN, own.SVN)
	case !atLeast(own.CPUSVN, h.level.CPUSVN):
		return fmt.Errorf("%w: on CPUSVN %x, and this machine has %x; is it another machine, or has its microcode been downgraded?", ErrNewer, h.level.CPUSVN, own.CPUSVN)
	case !s.aboveFloors(h.level):
		return fmt.Errorf("%w: security version %d and CPUSVN %x, at least %d and %x are asked for", ErrTooOld, h.level.SVN, h.level.CPUSVN, s.MinSVN, s.MinCPUSVN)
	}
	return nil
}

func (s *Sealer) aboveFloors(l Level) bool {
	return l.SVN >= s.MinSVN && atLeast(l.CPUSVN, s.MinCPUSVN)
}

// atLeast compares as the CPU does: a CPUSVN is sixteen versions, none of
// which makes up for another, not one number.
func atLeast(a, b [16]byte) bool {
	for i := range a {
		if a[i] < b[i] {
			return false
		}
	}
	return true
}
