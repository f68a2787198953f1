// Package calls is what the two halves of the quickstart say to each other.
// Both import it; it is the whole surface on which the host can attack.
package calls

import (
	"errors"

	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/sealing"
)

// Blob is something to keep under a name.
type Blob struct {
	Name    string
	Content []byte
}

// Load returns what was stored under a name, or nothing.
var Load = ocall.Func[string, []byte]{
	Name:  "blob.load",
	Check: checkLoaded,
}

// Store keeps a blob until another is stored under its name.
var Store = ocall.Func[Blob, struct{}]{
	Name:  "blob.store",
	Check: ocall.Unchecked[Blob, struct{}], // nothing that could be believed comes back
}

// Ready tells the host the address the trusted half serves at.
var Ready = ocall.Func[string, struct{}]{
	Name:  "ready",
	Check: ocall.Unchecked[string, struct{}],
}

// Service is all of them.
var Service = ocall.Service{Load, Store, Ready}

var errNotSealed = errors.New("not a sealed blob")

// checkLoaded refuses what cannot be a sealed blob. Whether it is the right
// one, only opening it tells.
func checkLoaded(_ string, blob []byte) error {
	if len(blob) == 0 {
		return nil
	}
	if _, err := sealing.Info(blob); err != nil {
		return errNotSealed
	}
	return nil
}
