// Command egopackages calls EGo's own packages enclave and ecrypto, and prints
// a name and a value on each line. It is built against a checkout of EGo.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/edgelesssys/ego/attestation"
	"github.com/edgelesssys/ego/ecrypto"
	"github.com/edgelesssys/ego/enclave"
)

func main() {
	args := append(os.Args[1:], "", "")
	var err error
	switch args[0] {
	case "reports":
		err = errors.Join(selfReport(), remoteReport())
	case "keys":
		err = errors.Join(key("unique", enclave.GetRandomUniqueSealKey), key("product", enclave.GetRandomProductSealKey), keyID())
	case "seal":
		err = seal()
	case "unseal":
		err = unseal(args[1], args[2])
	}
	if err != nil {
		log.Fatal(err)
	}
}

func selfReport() error {
	report, err := enclave.GetSelfReport()
	show("self", report)
	return err
}

func remoteReport() error {
	report, err := enclave.GetRemoteReport([]byte("what the enclave says"))
	if err != nil {
		return err
	}
	fmt.Printf("quote %x\n", report)
	verified, err := enclave.VerifyRemoteReport(report)
	show("remote", verified)
	if err != nil {
		return err
	}
	report[200] ^= 1
	_, err = enclave.VerifyRemoteReport(report)
	fmt.Println("forged", err)
	_, err = enclave.VerifyLocalReport(report)
	fmt.Println("other", err)
	return nil
}

func show(name string, r attestation.Report) {
	fmt.Printf("%s %x %d %t %x %x %x %v %v %v\n", name,
		r.Data, r.SecurityVersion, r.Debug, r.UniqueID, r.SignerID, r.ProductID, r.TCBStatus, r.TCBAdvisories, r.TCBAdvisoriesErr)
}

func key(name string, random func() (key, info []byte, err error)) error {
	key, info, err := random()
	if err != nil {
		return err
	}
	again, err := enclave.GetSealKey(info)
	if err != nil || !bytes.Equal(key, again) {
		return errors.Join(err, errors.New("the information does not give the key"))
	}
	fmt.Printf("%s %x\n", name, key)
	return nil
}

func keyID() error {
	id, err := enclave.GetSealKeyID()
	fmt.Printf("id %x\n", id)
	return err
}

func seal() error {
	for name, seal := range map[string]func(plaintext, additional []byte) ([]byte, error){
		"unique":  ecrypto.SealWithUniqueKey,
		"product": ecrypto.SealWithProductKey,
	} {
		blob, err := seal([]byte("a secret"), []byte("more"))
		if err != nil {
			return err
		}
		fmt.Printf("%s %x\n", name, blob)
	}
	return nil
}

func unseal(name, blob string) error {
	var b []byte
	if _, err := fmt.Sscanf(blob, "%x", &b); err != nil {
		return err
	}
	plaintext, err := ecrypto.Unseal(b, []byte("more"))
	fmt.Printf("%s %s\n", name, plaintext)
	return err
}
