// Package offer is what the trusted half of roots asks its host.
package offer

import "github.com/cleave-sdk/cleave/ocall"

// Root and Bundle may be answered with anything.
var (
	Root   = ocall.Func[string, []byte]{Name: "root", Check: ocall.Unchecked[string, []byte]}
	Bundle = ocall.Func[string, []byte]{Name: "bundle", Check: ocall.Unchecked[string, []byte], MaxResponse: 1 << 20}
)

// Service is both.
var Service = ocall.Service{Root, Bundle}
