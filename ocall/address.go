package ocall

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// AddressVariable is the environment variable by which the host half tells the
// trusted half where it serves: "unix:PATH", or "tcp:127.0.0.1:PORT". Under EGo
// only variables that begin with EDG_ come through unasked.
//
// The host chooses it, as it chooses what listens there.
const AddressVariable = "EDG_CLEAVE_OCALL"

// Dial connects to the host half that AddressVariable names, for the calls of s.
// Connecting and the handshake end with ctx, and after 10 seconds each in any
// case. See Dialer for what else can be chosen.
func Dial(ctx context.Context, s Service) (*Conn, error) { return Dialer{}.Dial(ctx, s) }

func dial(ctx context.Context, address string) (net.Conn, error) {
	network, where, _ := strings.Cut(address, ":")
	switch {
	case address == "":
		return nil, errors.New(AddressVariable + " is not set: this program was not started by its host half")
	case network == "unix" && where != "", network == "tcp" && loopback(where):
		d := net.Dialer{Timeout: greetTimeout}
		return d.DialContext(ctx, network, where)
	}
	return nil, fmt.Errorf("%s is %.128q, not unix:PATH or tcp:127.0.0.1:PORT", AddressVariable, address)
}

func loopback(where string) bool {
	a, err := netip.ParseAddrPort(where)
	return err == nil && a.Addr().IsLoopback()
}
