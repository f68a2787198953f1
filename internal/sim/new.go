package sim

import (
	"fmt"
	"time"
)

// New makes a machine that is kept nowhere: it ends with the process.
func New() (*Machine, error) {
	s, err := newState(time.Now())
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	m, err := s.machine()
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	return m, nil
}
