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
	own := s.keys.Level().stated(s.Separation)
	switch {
	case !own.Source.valid():
		return Level{}, errNoSource
	case !offers(s.keys, s.Separation) || own.Source == SourceFixed && s.Separation != 0:
		return Level{}, errSeparation
	case own.Source == SourceFixed && (s.MinSVN != 0 || s.MinCPUSVN != [16]byte{}):
		return Level{}, errFloors
	case s.MinConfigSVN != 0 && s.Separation&ByConfig == 0:
		return Level{}, errConfigFloor
	case !s.aboveFloors(own):
		return Level{}, errBelowFloor
	}
	return own, nil
}

// check decides, on nothing but what the header shows, whether the key of h
// may be asked for.
func (s *Sealer) check(h *header, own Level) error {
	switch l := h.level; {
	case h.binding != s.binding:
		return fmt.Errorf("%w: the blob is bound %v, the Sealer %v", ErrOther, h.binding, s.binding)
	case h.separation != s.Separation:
		return fmt.Errorf("%w: the blob's separation is %v, the Sealer's %v", ErrOther, h.separation, s.Separation)
	case l.Source != own.Source:
		return fmt.Errorf("%w: the blob's keys are from %v, the platform's from %v", ErrOther, l.Source, own.Source)
	case l.SVN > own.SVN:
		return fmt.Errorf("%w: by an enclave of security version %d, and this one has %d; has the program been downgraded?", ErrNewer, l.SVN, own.SVN)
	case l.ConfigSVN > own.ConfigSVN:
		return fmt.Errorf("%w: with configuration version %d, and this one is %d; has the configuration been downgraded?", ErrNewer, l.ConfigSVN, own.ConfigSVN)
	case !atLeast(own.CPUSVN, l.CPUSVN):
		return fmt.Errorf("%w: on CPUSVN %x, and this machine has %x; is it another machine, or has its microcode been downgraded?", ErrNewer, l.CPUSVN, own.CPUSVN)
	case !s.aboveFloors(l):
		return fmt.Errorf("%w: security version %d, CPUSVN %x, configuration version %d, and at least %d, %x, %d are asked for",
			ErrTooOld, l.SVN, l.CPUSVN, l.ConfigSVN, s.MinSVN, s.MinCPUSVN, s.MinConfigSVN)
	}
	return nil
}

func (s *Sealer) aboveFloors(l Level) bool {
	return l.SVN >= s.MinSVN && l.ConfigSVN >= s.MinConfigSVN && atLeast(l.CPUSVN, s.MinCPUSVN)
}

// refused is what every blob with this header is told that has a key and does
// not open. It rests on what the header shows and nothing else.
func (l Level) refused(own Level) error {
	if l.Source == SourceCPU && l.CPUSVN != own.CPUSVN {
		return fmt.Errorf("%w; if its header is right, it was sealed on CPUSVN %x, and this machine has %x: "+
			"on another machine than the one that sealed it, its key is lost", ErrOpen, l.CPUSVN, own.CPUSVN)
	}
	return ErrOpen
}

// older reports whether something of l could be raised to what own has.
func (l Level) older(own Level) bool {
	return l.SVN < own.SVN || l.ConfigSVN < own.ConfigSVN || !atLeast(l.CPUSVN, own.CPUSVN)
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
