//go:build unix

package sim

import (
	"io/fs"
	"os"
	"syscall"
)

// foreignOwner reports whether somebody else owns a file, and who.
func foreignOwner(info fs.FileInfo) (uid uint32, foreign bool) {
	uid = info.Sys().(*syscall.Stat_t).Uid
	return uid, int(uid) != os.Geteuid()
}
