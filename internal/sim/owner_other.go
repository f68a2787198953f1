//go:build !unix

package sim

import "io/fs"

// foreignOwner does not know: elsewhere machines are kept in memory only.
func foreignOwner(fs.FileInfo) (uid uint32, foreign bool) { return 0, false }
