//go:build unix

package attest_test

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestCacheDirPipe: what would block when opened is not opened.
func TestCacheDirPipe(t *testing.T) {
	dir := t.TempDir()
	check(t, syscall.Mkfifo(filepath.Join(dir, "sgx-000000000001-platform.json"), 0o600))
	stage(t, func(s *scene) {
		s.restart(dir)
		s.get()
		s.asked(1)
	})
}
