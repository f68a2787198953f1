// Package calls is what the two halves of attestedhttp say to each other. Both
// import it; it is the whole surface on which the host can attack.
package calls

import (
	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/usual"
)

// Serving tells the host the address that the trusted half serves at.
var Serving = ocall.Func[string, ocall.None]{
	Name:  "serving",
	Check: ocall.Unchecked[string, ocall.None], // nothing that could be believed comes back
}

// Service is all of them: a place for one sealed blob, lines for the log, and
// that the trusted half serves.
var Service = ocall.Service{usual.Get, usual.Put, usual.Log, Serving}
