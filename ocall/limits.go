package ocall

import "time"

const (
	// inFlight calls and streams may be unanswered on a connection at once. Part
	// of the handshake: both halves must agree.
	inFlight = 64

	defaultTimeout = 30 * time.Second
	greetTimeout   = 10 * time.Second
	lingerTimeout  = time.Second // for the other half to read the last answers

	// tick is how exactly a connection keeps deadlines: see pace. A timer that is
	// nearer than the kernel's own tick of 1 to 10 ms costs each wait a tenth of a
	// call.
	tick = 20 * time.Millisecond

	defaultBody = 64 << 10 // of requests, responses and chunks
	maxBody     = 64 << 20
	maxMessage  = 1 << 10 // of a host's error

	defaultWindow = 256 << 10
	defaultTotal  = 64 << 20 // of what the host may send in one stream
	chunkCost     = 64       // of a window, beside the chunk's length: what keeping it takes

	// memoryFactor bounds what a decoded body takes, in terms of its limit. A list
	// of empty strings needs the most of what is usual: 16 bytes for each of its.
	memoryFactor = 16

	maxName    = 64
	maxErrors  = 255      // declared by one call
	maxSurface = 64 << 10 // all lines of a service
	maxDepth   = 32       // of a type

	// readBuffer holds headers and small bodies. Under EGo a read costs by the
	// capacity it is given, not by what arrives: 4 KiB is cheap, and beyond
	// 64 KiB a read costs more than it brings. The host pays no such price.
	readBuffer     = 4 << 10
	hostReadBuffer = 64 << 10
	hostReadMost   = briefly
	readMost       = 64 << 10

	writeBuffer = 1 << 20

	// writesInRow is how often a caller writes for others too.
	writesInRow = 8

	// briefly is how many bytes the kernel copies in so short a time that the
	// scheduler need not know: a few tens of microseconds.
	briefly = 256 << 10

	// readsInRow is how often a connection is read before others have their turn.
	readsInRow = 8

	// firstRoom is what is set aside for a body that is only announced.
	firstRoom = 1 << 20

	// keepBuffer is the largest buffer kept for the next call.
	keepBuffer = 64 << 10

	// keepLong is how many bytes a connection keeps of longer ones, in each
	// direction.
	keepLong = 4 << 20

	// keepBuffers is how many a writer keeps: with them a window's worth of frames
	// waits without setting memory aside.
	keepBuffers = 8
)
