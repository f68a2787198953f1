package ocall

import "time"

const (
	// inFlight calls may be unanswered on a connection at once. Part of the
	// handshake: both halves must agree.
	inFlight = 64

	defaultTimeout = 30 * time.Second
	greetTimeout   = 10 * time.Second

	defaultBody = 64 << 10 // of requests and responses
	maxBody     = 64 << 20
	maxMessage  = 1 << 10 // of a host's error

	maxName    = 64
	maxSurface = 64 << 10 // all lines of a service
	maxDepth   = 32       // of a type

	// readBuffer holds headers and small bodies. Under EGo a read costs by the
	// capacity it is given, not by what arrives: 4 KiB is cheap, and beyond
	// 64 KiB a read costs more than it brings.
	readBuffer = 4 << 10
	readMost   = 64 << 10

	// keepBuffer is the largest buffer kept for the next call.
	keepBuffer = 64 << 10
)
