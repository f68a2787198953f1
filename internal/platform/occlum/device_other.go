//go:build !linux

package occlum

import "github.com/cleave-sdk/cleave/internal/platform"

func openDevice() (Ioctl, error) { return nil, platform.ErrAbsent }
