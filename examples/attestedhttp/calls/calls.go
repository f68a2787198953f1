// Package calls is what the two halves of attestedhttp say to each other. Both
// import it; it is the whole surface on which the host can attack.
package calls

import (
	"time"

	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/usual"
)

// Places are the addresses that the trusted half serves at: one for clients,
// and one on which the host alone asks whether it is ready, so that clients who
// fill the first do not keep the host from asking.
type Places struct {
	Clients, Host string
}

// Serving tells the host the addresses that the trusted half serves at.
var Serving = ocall.Func[Places, ocall.None]{
	Name:  "serving",
	Check: ocall.Unchecked[Places, ocall.None], // nothing that could be believed comes back
}

// MaxTrouble is how long a Renewal's reason may be, in bytes.
const MaxTrouble = 512

// Renewal tells the host why the trusted half's certificate was not renewed
// when that was due, or, with nothing, that it is again.
var Renewal = ocall.Func[string, ocall.None]{
	Name:       "renewal",
	Check:      ocall.Unchecked[string, ocall.None], // as above
	MaxRequest: 1 << 10,
	Timeout:    time.Second, // of the two that a question of readiness has
}

// Service is all of them: a place for one sealed blob, lines for the log, that
// the trusted half serves, and that it may not for long.
var Service = ocall.Service{usual.Get, usual.Put, usual.Log, Serving, Renewal}
