package attest

import (
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	bundleVersion = 1
	// maxBundleSize bounds a bundle's JSON. One platform takes 20 to 40 kilobytes.
	maxBundleSize = 16 << 20
	// maxKinds bounds the platforms in one.
	maxKinds = 256
)

type bundleJSON struct {
	Version   int   `json:"version"`
	Platforms kinds `json:"platforms"`
}

// kinds is read one by one: a list of a million empty ones would take a
// hundred times its size.
type kinds []kindJSON

var errKinds = fmt.Errorf("it has more than %d platforms: make several", maxKinds)

func (k *kinds) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if token, err := d.ReadToken(); err != nil || token.Kind() != '[' {
		return errors.Join(err, errors.New("platforms is not a list"))
	}
	for d.PeekKind() != ']' {
		if len(*k) == maxKinds {
			return errKinds
		}
		var kind kindJSON
		if err := json.UnmarshalDecode(d, &kind); err != nil {
			return err
		}
		*k = append(*k, kind)
	}
	_, err := d.ReadToken()
	return err
}

// kindJSON is what a bundle has about one kind of platform. A field is nil if
// it is missing.
type kindJSON struct {
	TEE             *string `json:"tee"`
	FMSPC           *string `json:"fmspc"`
	CA              *string `json:"ca"`
	TCBInfo         *string `json:"tcbInfo"`
	TCBInfoChain    *string `json:"tcbInfoChain"`
	QEIdentity      *string `json:"qeIdentity"`
	QEIdentityChain *string `json:"qeIdentityChain"`
	RootCRL         *string `json:"rootCRL"`
	PCKCRL          *string `json:"pckCRL"`
}

// ParseBundle reads a bundle's JSON. Revocation lists may also be base64 or
// hexadecimal.
func ParseBundle(b []byte) (Bundle, error) {
	var bundle Bundle
	err := bundle.UnmarshalJSON(b)
	return bundle, err
}

// UnmarshalJSON reads what [ParseBundle] does.
func (b *Bundle) UnmarshalJSON(text []byte) error {
	bundle, err := parseBundle(text)
	if err != nil {
		return fail(ErrCollateral, "not a bundle: %.300v", err)
	}
	*b = bundle
	return nil
}

func parseBundle(text []byte) (Bundle, error) {
	if len(text) > maxBundleSize {
		return nil, fmt.Errorf("it has more than %d bytes", maxBundleSize)
	}
	var file bundleJSON
	if err := json.Unmarshal(text, &file, json.RejectUnknownMembers(true)); err != nil {
		return nil, err
	}
	if file.Version != bundleVersion {
		return nil, fmt.Errorf("version %d, not %d: made by another version of this software", file.Version, bundleVersion)
	}
	bundle := make(Bundle, len(file.Platforms))
	for i := range file.Platforms {
		s, c, err := file.Platforms[i].parse()
		if err != nil {
			return nil, fmt.Errorf("platform %d: %w", i+1, err)
		}
		if bundle[s] != nil {
			return nil, fmt.Errorf("platform %d: %v is there twice", i+1, s)
		}
		bundle[s] = c
	}
	return bundle, nil
}

func (k *kindJSON) parse() (s Subject, c *Collateral, err error) {
	for name, v := range map[string]*string{"tee": k.TEE, "fmspc": k.FMSPC, "ca": k.CA,
		"tcbInfo": k.TCBInfo, "tcbInfoChain": k.TCBInfoChain, "qeIdentity": k.QEIdentity, "qeIdentityChain": k.QEIdentityChain,
		"rootCRL": k.RootCRL, "pckCRL": k.PCKCRL} {
		if v == nil {
			return s, nil, fmt.Errorf("no %q", name)
		}
		if len(*v) > 2*maxCollateralSize {
			return s, nil, fmt.Errorf("%q has more than %d bytes", name, 2*maxCollateralSize)
		}
	}
	if s, err = parseSubject(*k.TEE, *k.FMSPC, *k.CA); err != nil {
		return s, nil, err
	}
	c = &Collateral{
		TCBInfo: []byte(*k.TCBInfo), TCBInfoChain: []byte(*k.TCBInfoChain),
		QEIdentity: []byte(*k.QEIdentity), QEIdentityChain: []byte(*k.QEIdentityChain),
	}
	var root, pck bool
	c.RootCRL, root = crlDER([]byte(*k.RootCRL))
	c.PCKCRL, pck = crlDER([]byte(*k.PCKCRL))
	if !root || !pck {
		return s, nil, fmt.Errorf("%q or %q is not a revocation list in PEM, base64 or hexadecimal", "rootCRL", "pckCRL")
	}
	return s, c, nil
}

func parseSubject(tee, fmspc, ca string) (s Subject, err error) {
	b, err := hex.DecodeString(fmspc)
	if err != nil || len(b) != len(s.FMSPC) {
		return s, fmt.Errorf("%.40q is not an FMSPC: 12 hexadecimal digits", fmspc)
	}
	if ca != "platform" && ca != "processor" {
		return s, fmt.Errorf("%.40q is not a CA: platform or processor", ca)
	}
	for _, t := range []TEE{SGX, TDX} {
		if t.String() == tee {
			return Subject{[6]byte(b), ca, t}, nil
		}
	}
	return s, fmt.Errorf("%.40q is not a TEE: %v or %v", tee, SGX, TDX)
}

// MarshalJSON writes the bundle in a fixed order. What is not text, or has a
// list in no known form, is refused.
func (b Bundle) MarshalJSON() ([]byte, error) {
	file := bundleJSON{Version: bundleVersion, Platforms: kinds{}}
	for _, s := range b.Subjects() {
		k, err := newKindJSON(s, b[s])
		if err != nil {
			return nil, fail(ErrCollateral, "%v: %v", s, err)
		}
		file.Platforms = append(file.Platforms, k)
	}
	text, err := json.Marshal(file)
	if err != nil { // what is not UTF-8
		return nil, because(ErrCollateral, err)
	}
	if len(text) > maxBundleSize {
		return nil, unusable("the bundle has more than %d bytes: make several", maxBundleSize)
	}
	return text, nil
}

func newKindJSON(s Subject, c *Collateral) (k kindJSON, err error) {
	tee, fmspc := s.TEE.String(), hex.EncodeToString(s.FMSPC[:])
	if _, err := parseSubject(tee, fmspc, s.CA); err != nil {
		return k, err
	}
	if c == nil {
		return k, errors.New("there is no collateral")
	}
	for _, part := range c.parts() {
		if len(*part) > maxCollateralSize {
			return k, errTooLarge
		}
	}
	root, rootOK := crlPEMText(c.RootCRL)
	pck, pckOK := crlPEMText(c.PCKCRL)
	if !rootOK || !pckOK {
		return k, errList
	}
	text := func(b []byte) *string { t := string(b); return &t }
	return kindJSON{&tee, &fmspc, &s.CA, text(c.TCBInfo), text(c.TCBInfoChain), text(c.QEIdentity), text(c.QEIdentityChain), &root, &pck}, nil
}

func crlPEMText(b []byte) (string, bool) {
	der, ok := crlDER(b)
	return string(pem.EncodeToMemory(&pem.Block{Type: crlPEM, Bytes: der})), ok
}
