//go:build !linux

package world

// Build is ErrRefused on other systems than Linux.
func (w *World) Build(Child) error { return ErrRefused }
