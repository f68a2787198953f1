// Package calls is what the two halves of attestedhttp say to each other. Both
// import it; it is the whole surface on which the host can attack.
package calls

import (
	"time"

	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/usual"
)

// Serving tells the host the address that the trusted half serves at.
var Serving = ocall.Func[string, ocall.None]{
	Name:  "serving",
	Check: ocall.Unchecked[string, ocall.None], // nothing that could be believed comes back
}

// MaxTrouble is how long a Renewal's reason may be, in bytes.
const MaxTrouble = 512

// Renewal tells the host why the trusted half's certificate was not renewed
// when that was due, or, with nothing, that it is again.
var Renewal = ocall.Func[string, ocall.None]{
	Name:       "renewal",
	Check:      ocall.Unchecked[string, ocall.None], // as above
	MaxRequest: 1 << 10,
	Timeout:    2 * time.Second, // of the three that a question of readiness has
}

// Service is all of them: a place for one sealed blob, lines for the log, that
// the trusted half serves, and that it may not for long.
var Service = ocall.Service{usual.Get, usual.Put, usual.Log, Serving, Renewal}
