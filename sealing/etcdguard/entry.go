package etcdguard

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cleave-sdk/cleave/sealing"
)

var errEntry = errors.New("etcdguard: what is in etcd is not an entry of this package")

// format is an entry as people can read it with etcdctl: number, space, digest
// in hexadecimal.
func format(v sealing.Version) string { return fmt.Sprintf("%d %x", v.Number, v.Digest) }

// parse accepts what format writes, and nothing else. The zero Version would
// say that there is no entry.
func parse(b []byte) (v sealing.Version, err error) {
	number, digest, _ := strings.Cut(string(b), " ")
	v.Number, _ = strconv.ParseUint(number, 10, 64)
	if hex.DecodedLen(len(digest)) == len(v.Digest) {
		_, err = hex.Decode(v.Digest[:], []byte(digest))
	}
	if err != nil || format(v) != string(b) || v.Number == 0 {
		return sealing.Version{}, errEntry
	}
	return v, nil
}
