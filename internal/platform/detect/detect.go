// Package detect finds the platform a program runs on, in an order that the
// host has no say in.
package detect

import (
	"errors"
	"os"

	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/platform/ego"
	"github.com/cleave-sdk/cleave/internal/platform/gramine"
	"github.com/cleave-sdk/cleave/internal/platform/occlum"
)

// inOpenEnclave is the variable that EGo's runtime sets in every enclave, over
// whatever the host has set.
const inOpenEnclave = "OE_IS_ENCLAVE"

var errSilent = errors.New(inOpenEnclave + "=1 says that this is an enclave of Open Enclave, which has not EGo's runtime calls: " +
	"update EGo, or unset the variable outside an enclave")

// Open finds EGo, Gramine or Occlum, in this order, or returns
// [platform.ErrAbsent].
//
// A platform is passed over only when it is absent: when the kernel does not
// know EGo's calls, or there is no directory or device of that name. Inside an
// enclave no host can bring that about, since its own runtime answers; it can
// where a program's manifest mounts the host's files over /dev. Any other
// failure is final, lest the host have the program believe that it is somewhere
// else, or outside.
//
// Under EGo the file system may be the host's, so that nothing there is looked
// at.
func Open() (platform.Platform, error) {
	return Ways{
		InOpenEnclave: os.Getenv(inOpenEnclave) == "1",
		EGo:           way(ego.Open),
		Gramine:       way(gramine.Open),
		Occlum:        way(occlum.Open),
	}.Open()
}

// Ways are how each platform is opened.
type Ways struct {
	InOpenEnclave        bool
	EGo, Gramine, Occlum func() (platform.Platform, error)
}

// Open returns the first that is not absent, or its failure.
func (w Ways) Open() (platform.Platform, error) {
	p, err := w.EGo()
	if !errors.Is(err, platform.ErrAbsent) {
		return p, err
	}
	if w.InOpenEnclave {
		return nil, errSilent
	}
	if p, err = w.Gramine(); !errors.Is(err, platform.ErrAbsent) {
		return p, err
	}
	return w.Occlum()
}

// way keeps a nil pointer from becoming a platform.
func way[P platform.Platform](open func() (P, error)) func() (platform.Platform, error) {
	return func() (platform.Platform, error) {
		p, err := open()
		if err != nil {
			return nil, err
		}
		return p, nil
	}
}
