package main

import (
	"errors"
	"sync"
)

// state is what the host half knows of its trusted half. What a launch says of
// itself counts while it is the one that runs, and no longer.
type state struct {
	metrics *metrics

	mu       sync.Mutex
	launches uint64
	half     half // the zero half if none runs
	ending   bool
}

// half is what a trusted half has said of itself.
type half struct {
	launch  uint64 // which it is, counted from 1; 0 for none
	address string // where it is asked whether it is ready, or empty before it serves
	trouble string // why its certificate was not renewed, or empty
}

var (
	errDown   = errors.New("the trusted half does not serve")
	errEnding = errors.New("told to end")
	errLate   = errors.New("another launch has taken its place, or none")
)

// began counts a launch, which is the one that runs until it is gone.
func (s *state) began() (launch uint64) {
	s.metrics.launches.Inc()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.launches++
	s.become(half{launch: s.launches})
	return s.launches
}

func (s *state) gone(launch uint64) {
	s.change(launch, func(h *half) error { *h = half{}; return nil })
}

// serves is too late for one that has been told to end.
func (s *state) serves(launch uint64, address string) error {
	return s.change(launch, func(h *half) error {
		if s.ending {
			return errEnding
		}
		h.address = address
		return nil
	})
}

func (s *state) troubled(launch uint64, trouble string) error {
	return s.change(launch, func(h *half) error { h.trouble = trouble; return nil })
}

func (s *state) change(launch uint64, by func(*half) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.half.launch != launch {
		return errLate
	}
	next := s.half
	if err := by(&next); err != nil {
		return err
	}
	s.become(next)
	return nil
}

// become is where everything changes, so that the metrics say the same.
func (s *state) become(h half) {
	s.half = h
	s.metrics.up.Set(one(h.address != ""))
	s.metrics.renewal.Set(one(h.trouble != ""))
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// ends reports whether the trusted half served until then.
func (s *state) ends() (served bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending = true
	return s.half.address != ""
}

// serving is the trusted half, if it says that it serves and nobody has told it
// to end.
func (s *state) serving() (half, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ending:
		return half{}, errEnding
	case s.half.address == "":
		return half{}, errDown
	}
	return s.half, nil
}
