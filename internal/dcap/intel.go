package dcap

import "encoding/hex"

// intelRoot is the SubjectPublicKeyInfo of "Intel SGX Root CA". Intel has
// issued more than one certificate for this key: only the key is pinned.
const intelRoot = "3059301306072a8648ce3d020106082a8648ce3d030107034200040ba9c4c0c0" +
	"c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f567918e2edc" +
	"88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394"

// IntelRoot returns the public key of Intel's SGX root, as a
// SubjectPublicKeyInfo.
func IntelRoot() []byte {
	root, err := hex.DecodeString(intelRoot)
	if err != nil {
		panic(err) // unreachable: a constant
	}
	return root
}
