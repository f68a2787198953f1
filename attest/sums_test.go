package attest_test

import (
	"crypto/sha256"
	"crypto/sha512"

	"github.com/cleave-sdk/cleave/internal/issue"
)

func sum256(b []byte) []byte { h := sha256.Sum256(b); return h[:] }
func sum384(b []byte) []byte { h := sha512.Sum384(b); return h[:] }
func sum512(b []byte) []byte { h := sha512.Sum512(b); return h[:] }

func namesOfPCK() issue.Subject { return issue.SimulatorNames().PCK }

func lifeOf(m *machine) issue.Validity { return issue.Days(m.now.AddDate(-1, 0, 0), 10*365) }
