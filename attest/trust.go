package attest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// trust verifies a certificate, or finds that it would reach the verdict that
// it remembers, and applies the policy.
func (v *Verifier) trust(ctx context.Context, s exhibit) (*Report, error) {
	key := v.key(s)
	for {
		if known := v.verdicts.find(key); known != nil {
			now, holds, err := v.holds(ctx, s, known)
			if err != nil {
				return nil, err
			}
			if holds {
				return v.conclude(key, s, known, now)
			}
		}
		found, left, err := v.verdicts.once(ctx, key, func() (proof, error) { return v.prove(ctx, s) })
		if left {
			continue
		}
		if err != nil {
			return nil, err
		}
		return v.conclude(key, s, found, found[0].at)
	}
}

// conclude applies the policy to what every quote says, as of now, and
// remembers what it trusts.
func (v *Verifier) conclude(key verdictKey, s exhibit, found proof, now time.Time) (*Report, error) {
	var first *Report
	for _, j := range found {
		r := j.report()
		r.Judged = now
		if err := v.Policy.Check(r); err != nil {
			return nil, err
		}
		if first == nil {
			first = r
		}
	}
	v.verdicts.keep(key, found, s.complete)
	return first, nil
}

// holds reports whether a verdict that is remembered would be reached again, and
// when that was: not if a document has expired, or there is another one.
func (v *Verifier) holds(ctx context.Context, s exhibit, known proof) (now time.Time, ok bool, err error) {
	now = v.now()
	if now.Before(s.cert.NotBefore) || now.After(s.cert.NotAfter) {
		return now, false, nil
	}
	for _, j := range known {
		if !now.Before(j.verdict.Expires) { // and never before j.at, back to which the clock is not followed
			return now, false, nil
		}
		c, err := collateralOf(ctx, v.source(), j.subject)
		if err != nil {
			return now, false, err
		}
		if !j.collateral.is(c) && !j.collateral.equal(c) || v.clock.saw(j.verdict, j.tee, now) != nil {
			return now, false, nil
		}
	}
	return now, true, nil
}

// verdictKey is a hash of all that a verdict is a function of, but the policy,
// the collateral and the time, which are looked at each time.
type verdictKey [32]byte

const verdictTag = "cleave verdict on a certificate v1\x00"

func (v *Verifier) key(s exhibit) (key verdictKey) {
	var accepted uint64
	for _, d := range v.dialects() {
		accepted |= 1 << min(d, 63)
	}
	head := []byte(verdictTag)
	root := v.root()
	for _, n := range []uint64{accepted, uint64(v.MaxLife), bit(v.AllowZeroPadding), bit(s.chained), uint64(len(root))} {
		head = binary.LittleEndian.AppendUint64(head, n)
	}
	h := sha256.New()
	h.Write(append(head, root...))
	h.Write(s.cert.Raw)
	h.Sum(key[:0])
	return key
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
