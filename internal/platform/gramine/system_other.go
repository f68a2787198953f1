//go:build !linux

package gramine

import "syscall"

// system is one on which there is no Gramine.
type system struct{}

func (system) Open(string, int) (int, error)  { return 0, syscall.ENOENT }
func (system) Read(int, []byte) (int, error)  { return 0, syscall.ENOSYS }
func (system) Write(int, []byte) (int, error) { return 0, syscall.ENOSYS }
func (system) Close(int) error                { return syscall.ENOSYS }
func (system) Device(int) (uint64, error)     { return 0, syscall.ENOSYS }
