package etcdguard

import (
	"testing"

	"github.com/cleave-sdk/cleave/sealing"
)

// What parses is written as it was, and is never the Version that says that
// there is no entry.
func FuzzParse(f *testing.F) {
	f.Add("")
	f.Add("1 ")
	f.Add(format(sealing.Version{}))
	f.Add(format(sealing.Version{Number: 1}))
	f.Add(format(sealing.Version{Number: 1<<64 - 1, Digest: [32]byte{31: 0xAB}}))
	f.Fuzz(func(t *testing.T, entry string) {
		v, err := parse([]byte(entry))
		if err == nil && (format(v) != entry || v.Number == 0) || err != nil && v != (sealing.Version{}) {
			t.Errorf("%q is %v, %v", entry, v, err)
		}
	})
}
