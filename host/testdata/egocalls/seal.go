package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
)

// keyInfo is the KEYREQUEST that EGo's GetRandomUniqueSealKey (policy 1) and
// GetRandomProductSealKey (2) make: this enclave's versions and a random key ID.
func keyInfo(policy byte) ([]byte, error) {
	report, err := localReport(nil, nil)
	if err != nil {
		return nil, err
	}
	const header, isvsvn = 16, 258
	body := report[header:]
	info := make([]byte, 512)
	info[0], info[2] = 4, policy
	copy(info[4:6], body[isvsvn:])
	copy(info[8:24], body[:16])
	binary.LittleEndian.PutUint64(info[24:], 0xFF0000000000000B)
	rand.Read(info[40:72])
	binary.LittleEndian.PutUint32(info[72:], 0xF0000000)
	return info, nil
}

func keys() error {
	for name, policy := range map[string]byte{"unique": 1, "product": 2} {
		info, err := keyInfo(policy)
		if err != nil {
			return err
		}
		key, err := sealKey(info)
		if err != nil {
			return err
		}
		again, err := sealKey(info)
		if err != nil || !bytes.Equal(key, again) {
			return errors.Join(err, errors.New("the information does not give the key"))
		}
		show(name, key)
	}
	// EGo's GetSealKeyID: a key that depends on almost nothing.
	id, err := sealKey(append([]byte{4}, make([]byte, 511)...))
	show("id", id)
	return errors.Join(err, refusals())
}

// refusals prints what becomes of requests that no enclave may make.
func refusals() error {
	good, err := keyInfo(2)
	if err != nil {
		return err
	}
	for name, change := range map[string]func([]byte){
		"svn":      func(b []byte) { b[4]++ },
		"cpusvn":   func(b []byte) { b[8]++ },
		"config":   func(b []byte) { b[76]++ },
		"kss":      func(b []byte) { b[2] |= 8 },
		"name":     func(b []byte) { b[0] = 5 },
		"launch":   func(b []byte) { b[0] = 0 },
		"reserved": func(b []byte) { b[100] = 1 },
	} {
		info := slices.Clone(good)
		change(info)
		key, err := sealKey(info)
		if err == nil {
			err = errors.New("given")
		}
		show("refused-"+name+"-"+err.Error(), key)
	}
	return nil
}

// seal prints blobs as EGo's ecrypto.SealWithUniqueKey and SealWithProductKey
// make them: length of the information, information, nonce, ciphertext.
func seal(plaintext []byte) error {
	for name, policy := range map[string]byte{"unique": 1, "product": 2} {
		info, err := keyInfo(policy)
		if err != nil {
			return err
		}
		aead, err := sealer(info)
		if err != nil {
			return err
		}
		nonce := make([]byte, aead.NonceSize())
		rand.Read(nonce)
		blob := binary.LittleEndian.AppendUint32(nil, uint32(len(info)))
		blob = append(append(blob, info...), nonce...)
		show(name, aead.Seal(blob, nonce, plaintext, nil))
	}
	return nil
}

func open(blob []byte) error {
	aead, err := sealer(blob[4:516])
	if err != nil {
		return err
	}
	plaintext, err := aead.Open(nil, blob[516:528], blob[528:], nil)
	show("opened", plaintext)
	return err
}

func sealer(info []byte) (cipher.AEAD, error) {
	key, err := sealKey(info)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// evidenceOfSelf verifies Open Enclave's evidence of a local report for this
// enclave, with claims of its own.
func evidenceOfSelf(target []byte) error {
	claims := []byte("claims of its own")
	hash := sha256.Sum256(claims)
	report, err := localReport(hash[:], target)
	if err != nil {
		return err
	}
	body := append(report[16:], claims...)
	evidence := append([]byte{3, 0, 0, 0}, unhex("09268c336e0b45e58a2715644d0ef89a00000000")...)
	evidence = binary.LittleEndian.AppendUint64(evidence, uint64(len(body)))
	return verify(append(evidence, body...))
}
