package ratls

var (
	ErrClaims    = errClaims
	ErrDuplicate = errDuplicate
	ErrEvidence  = errEvidence
	ErrKey       = errKey
	ErrKeyHash   = errKeyHash
	ErrNone      = errNone
	ErrUnbound   = errUnbound
)

// Reencode parses claims and writes them again.
func Reencode(claims []byte) ([]byte, error) {
	all, err := parseClaims(claims)
	if err != nil {
		return nil, err
	}
	return appendClaims(nil, all), nil
}
