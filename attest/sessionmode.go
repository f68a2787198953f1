package attest

// A role is an end of a connection. Only one of them has each, so that what
// one says cannot be said back to it.
type role uint8

const (
	client role = 1
	server role = 2
)

func (r role) valid() bool { return r == client || r == server }

func (r role) other() role { return client + server - r }

// A mode has the roles that prove to be enclaves, as bits.
type mode uint8

const (
	clientProves = mode(client)
	serverProves = mode(server)
	bothProve    = clientProves | serverProves
)

func (m mode) valid() bool { return m >= clientProves && m <= bothProve }

func (m mode) has(r role) bool { return m&mode(r) != 0 }

// String completes "a connection in which".
func (m mode) String() string {
	switch m {
	case clientProves:
		return "the client proves"
	case serverProves:
		return "the server proves"
	case bothProve:
		return "both prove"
	}
	return "nobody proves"
}

// mode is what the Session says of an end with this role. It is never taken
// from the peer.
func (s *Session) mode(self role) (m mode) {
	if s.Self != nil {
		m |= mode(self)
	}
	if s.Peer != nil {
		m |= mode(self.other())
	}
	return m
}

// A reason is why an end was refused, as the other says: for people, since
// anybody may say anything.
type reason uint8

const (
	reasonProtocol reason = 1 + iota
	reasonMode
	reasonEvidence
	reasonQuote
)

// String completes "the peer says that".
func (r reason) String() string {
	switch r {
	case reasonProtocol:
		return "it was not spoken to as agreed; use one version of this package at both ends"
	case reasonMode:
		return "it demands or proves something else than this end does; set up both ends alike"
	case reasonEvidence:
		return "it does not trust this enclave; see its log, and have its policy or this platform changed"
	case reasonQuote:
		return "it could not have a quote made; try again later"
	}
	return "it will not talk to this end"
}
