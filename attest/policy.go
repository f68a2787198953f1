package attest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
)

// Policy says which enclaves are trusted. The zero Policy trusts none.
//
// An enclave must be one of Builds or belong to one of Products, and satisfy
// everything else. A Policy's JSON form has the names below; unknown and
// repeated names are refused:
//
//	{
//	  "builds": ["<measurement>"],
//	  "products": [{"signer": "<signer>", "product": 1, "minSVN": 2}],
//	  "tcb": ["UpToDate", "SWHardeningNeeded"],
//	  "allowDebug": false
//	}
type Policy struct {
	// Builds are single builds, by measurement.
	Builds []Measurement `json:"builds,omitempty"`
	// Products are lines of builds, by who signs them: see [SignedBy].
	Products []Product `json:"products,omitempty"`
	// TCB has the statuses accepted of the platform. If nil, UpToDate and
	// SWHardeningNeeded: the second is the best that many server platforms can
	// reach, and asks for what the EGo and Open Enclave toolchains do by
	// default. Intel's own library and Open Enclave accept the same two.
	TCB []TCBStatus `json:"tcb,omitzero"`
	// AllowDebug accepts debug enclaves too, which keep nothing secret from
	// their host. It is for development.
	AllowDebug bool `json:"allowDebug,omitempty"`
}

// Product is a line of builds by one signer. The zero Product matches none.
type Product struct {
	signer     Signer
	id, minSVN uint16
	deliberate bool
}

// SignedBy trusts the enclaves that signer has signed as product with a
// security version (SVN) of at least minSVN. All three are always written:
// a signer may sign other enclaves too, and older ones have weaknesses that
// newer ones mend.
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

// Check returns nil if the policy trusts what r is of, else a [*PolicyError].
// It is for reports that [Verifier.Authenticate] returned:
// [Verifier.Verify] has checked its reports already.
func (p *Policy) Check(r *Report) error {
	accepted := p.TCB
	if accepted == nil {
		accepted = []TCBStatus{UpToDate, SWHardeningNeeded}
	}
	switch {
	case !p.names(r.Identity):
		return &PolicyError{"builds, products", describe(r.Identity), p.wanted()}
	case r.Debug && !p.AllowDebug:
		return &PolicyError{"allowDebug", "a debug enclave, which keeps nothing secret from its host", "a production enclave"}
	case r.TCB.Status == 0 || !slices.Contains(accepted, r.TCB.Status):
		return &PolicyError{"tcb", fmt.Sprintf("a platform that is %v %v", r.TCB.Status, r.TCB.Advisories), fmt.Sprint(accepted)}
	}
	return nil
}

func (p *Policy) names(id Identity) bool {
	return slices.Contains(p.Builds, id.Measurement) ||
		slices.ContainsFunc(p.Products, func(product Product) bool { return product.includes(id) })
}

func (p *Policy) wanted() string {
	if len(p.Builds)+len(p.Products) == 0 {
		return "nothing: the policy names no enclave, so it trusts none"
	}
	return fmt.Sprintf("one of builds %v, products %v", p.Builds, p.Products)
}

func describe(id Identity) string {
	return fmt.Sprintf("build %v by signer %v product %d SVN %d", id.Measurement, id.Signer, id.ProductID, id.SVN)
}

var strict = json.RejectUnknownMembers(true)

// UnmarshalJSON reads the form described above, strictly.
func (p *Policy) UnmarshalJSON(b []byte) error {
	type fields Policy // without this method
	var f fields
	if err := json.Unmarshal(b, &f, strict); err != nil {
		return fmt.Errorf("attest: policy: %w", err)
	}
	*p = Policy(f)
	return nil
}

type productJSON struct {
	Signer  *Signer `json:"signer"`
	Product *uint16 `json:"product"`
	MinSVN  *uint16 `json:"minSVN"`
}

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
	var f productJSON
	if err := json.Unmarshal(b, &f, strict); err != nil {
		return err
	}
	if f.Signer == nil || f.Product == nil || f.MinSVN == nil {
		return errors.New("a product is written with its signer, product and minSVN, all three")
	}
	*p = SignedBy(*f.Signer, *f.Product, *f.MinSVN)
	return nil
}
