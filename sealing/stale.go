package sealing

// Stale reports whether a blob with this header was sealed under an older
// format, or under lower versions of enclave, CPU or configuration than the
// running ones, so that [Sealer.Reseal] would raise it. Raise everything before
// a floor: what is below [Sealer.MinSVN] no longer opens.
//
// It believes the header, of which a host can make a false one: to be sure
// which blobs still need the old versions, Open them.
func (s *Sealer) Stale(h Header) bool {
	own, err := s.level()
	return err == nil && (h.Version < version || h.Level.older(own))
}

// Reseal opens a blob and seals its plaintext anew, with the same additional
// data, under the running versions. The old blob can still be opened by whoever
// could: delete it where that matters.
func (s *Sealer) Reseal(blob, additional []byte) ([]byte, error) {
	plaintext, err := s.Open(blob, additional)
	if err != nil {
		return nil, err
	}
	return s.Seal(plaintext, additional)
}
