package occlum_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/platform/occlum"
)

func TestDevices(t *testing.T) {
	for name, row := range map[string]struct {
		mode   uint32
		number uint64
		good   bool
		absent bool
	}{
		"Occlum's":              {syscall.S_IFCHR | 0o666, 0, true, false},
		"a driver's":            {syscall.S_IFCHR | 0o666, 10<<8 | 125, false, false},
		"a driver's directory":  {syscall.S_IFDIR | 0o755, 0, false, true},
		"a file":                {syscall.S_IFREG | 0o666, 0, false, false},
		"a socket":              {syscall.S_IFSOCK | 0o666, 0, false, false},
		"a disk":                {syscall.S_IFBLK | 0o666, 0, false, false},
		"nothing that is known": {0, 0, false, false},
	} {
		err := occlum.Judge(row.mode, row.number)
		if (err == nil) != row.good || errors.Is(err, platform.ErrAbsent) != row.absent {
			t.Errorf("%s: %v", name, err)
		}
	}
}
