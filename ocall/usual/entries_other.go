//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package usual

import "os"

const nonblocking = 0

// share does nothing: drafts stay, and are not listed.
func share(*os.File, func()) {}

// syncEntries does nothing: names cannot be synced by themselves.
func syncEntries(*os.File) error { return nil }
