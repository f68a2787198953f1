package manifest

import (
	"crypto/rand"
	"crypto/rsa"
	"math/big"
)

// generate makes an RSA-3072 key of exponent 3, which SGX demands and
// rsa.GenerateKey does not offer. It takes about a second.
func generate() (*rsa.PrivateKey, error) {
	p, err := prime()
	if err != nil {
		return nil, err
	}
	q, err := prime()
	if err != nil {
		return nil, err
	}
	return keyOf(p, q)
}

func keyOf(p, q *big.Int) (*rsa.PrivateKey, error) {
	one := big.NewInt(1)
	totient := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 3},
		D:         new(big.Int).ModInverse(big.NewInt(3), totient),
		Primes:    []*big.Int{p, q},
	}
	key.Precompute()
	return key, key.Validate()
}

// prime returns a prime p of 1536 bits with the two highest set, so that the
// product of two has 3072, and with 3 no factor of p-1, so that there is a
// private exponent.
func prime() (*big.Int, error) {
	for {
		p, err := rand.Prime(rand.Reader, 1536)
		if err != nil {
			return nil, err
		}
		if new(big.Int).Mod(p, big.NewInt(3)).Uint64() == 2 {
			return p, nil
		}
	}
}
