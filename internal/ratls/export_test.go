package ratls

var (
	ErrClaims    = error(errClaims)
	ErrDuplicate = errDuplicate
	ErrEvidence  = errEvidence
	ErrTooMuch   = errTooMuch
	ErrReport    = errReport
	ErrQuote     = errQuote
	ErrNotRSA    = error(errNotRSA)
	ErrOE        = errOEEvidence
	ErrOEClaims  = error(errOEClaims)
	ErrCopy      = error(errCopy)
	ErrKey       = error(errKey)
	ErrKeyHash   = error(errKeyHash)
	ErrNoKey     = error(errNoKey)
)

// Reencode parses claims and writes them again.
func Reencode(claims []byte) ([]byte, error) {
	all, err := parseClaims(claims)
	if err != nil {
		return nil, err
	}
	return appendClaims(nil, all), nil
}
