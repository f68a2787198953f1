package attest

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Product is a line of builds by one signer. The zero Product matches none.
type Product struct {
	signer     Signer
	id, minSVN uint16
	deliberate bool
}

// SignedBy trusts the enclaves that signer has signed as product with a
// security version (SVN) of at least minSVN. All three are always written:
// a signer may sign other enclaves too, and older ones have weaknesses that
// newer ones mend. Genuine enclaves with product 0 and SVN 0 exist.
func SignedBy(signer Signer, product, minSVN uint16) Product {
	return Product{signer, product, minSVN, true}
}

func (p Product) includes(id Identity) bool {
	return p.deliberate && id.Signer == p.signer && id.ProductID == p.id && id.SVN >= p.minSVN
}

// String names the product in one line.
func (p Product) String() string {
	return fmt.Sprintf("signer %v product %d SVN %d or later", p.signer, p.id, p.minSVN)
}

type productJSON struct {
	Signer  *Signer `json:"signer"`
	Product *uint16 `json:"product"`
	MinSVN  *uint16 `json:"minSVN"`
}

var errProduct = errors.New("a product is written with its signer, product and minSVN, all three")

// MarshalJSON writes signer, product and minSVN. It fails for the zero
// Product, which has no such form: read back, it would match something.
func (p Product) MarshalJSON() ([]byte, error) {
	if !p.deliberate {
		return nil, errors.New("attest: a product not made by SignedBy cannot be written")
	}
	return json.Marshal(productJSON{&p.signer, &p.id, &p.minSVN})
}

// UnmarshalJSON reads signer, product and minSVN, all of which must be there.
func (p *Product) UnmarshalJSON(b []byte) error {
	var read Product
	if err := unmarshal(b, &read); err != nil {
		return fmt.Errorf("attest: product: %w", err)
	}
	*p = read
	return nil
}

// readProduct reads on where dec is, so that an error knows its place.
func readProduct(dec *jsontext.Decoder, p *Product) error {
	var f productJSON
	if err := json.UnmarshalDecode(dec, &f); err != nil {
		return err
	}
	if f.Signer == nil || f.Product == nil || f.MinSVN == nil {
		return errProduct
	}
	*p = SignedBy(*f.Signer, *f.Product, *f.MinSVN)
	return nil
}
