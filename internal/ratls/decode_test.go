package ratls_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/ratls"
)

// parts joins strings and byte slices.
func parts(p ...any) []byte {
	var b []byte
	for _, v := range p {
		switch v := v.(type) {
		case string:
			b = append(b, v...)
		case []byte:
			b = append(b, v...)
		}
	}
	return b
}

func TestDecode(t *testing.T) {
	quote := bytes.Repeat([]byte{7}, 0x1234)
	const q, c = "\x59\x12\x34", "\x43abc" // the head of quote, all of the claims
	tests := map[string]struct {
		value []byte
		ok    bool
	}{
		"honest":                        {parts("\xd9\xea\x60\x82", q, quote, c), true},
		"smallest quote":                {parts("\xd9\xea\x60\x82\x59\x03\xfc", quote[:1020], c), true},
		"largest quote":                 {ratls.Encode(make([]byte, 16384), []byte("abc")), true},
		"largest claims":                {ratls.Encode(quote, make([]byte, 4096)), true},
		"nothing":                       {nil, false},
		"quote too small":               {ratls.Encode(quote[:1019], []byte("abc")), false},
		"quote too large":               {ratls.Encode(make([]byte, 16385), []byte("abc")), false},
		"claims too large":              {ratls.Encode(quote, make([]byte, 4097)), false},
		"trailing byte":                 {parts("\xd9\xea\x60\x82", q, quote, c, "\x00"), false},
		"trailing break":                {parts("\xd9\xea\x60\x82", q, quote, c, "\xff"), false},
		"no tag":                        {parts("\x82", q, quote, c), false},
		"tag 60001":                     {parts("\xd9\xea\x61\x82", q, quote, c), false},
		"tag 60002":                     {parts("\xd9\xea\x62\x82", q, quote, c), false},
		"tag twice":                     {parts("\xd9\xea\x60\xd9\xea\x60\x82", q, quote, c), false},
		"tag in four bytes":             {parts("\xda\x00\x00\xea\x60\x82", q, quote, c), false},
		"tag in eight bytes":            {parts("\xdb\x00\x00\x00\x00\x00\x00\xea\x60\x82", q, quote, c), false},
		"tag that wraps":                {parts("\xdb\x00\x00\x00\x01\x00\x00\xea\x60\x82", q, quote, c), false},
		"array of none":                 {parts("\xd9\xea\x60\x80"), false},
		"array of one":                  {parts("\xd9\xea\x60\x81", q, quote), false},
		"array of three":                {parts("\xd9\xea\x60\x83", q, quote, c, c), false},
		"array of three, one missing":   {parts("\xd9\xea\x60\x83", q, quote, c), false},
		"array of two in a byte":        {parts("\xd9\xea\x60\x98\x02", q, quote, c), false},
		"indefinite array":              {parts("\xd9\xea\x60\x9f", q, quote, c, "\xff"), false},
		"map":                           {parts("\xd9\xea\x60\xa1", q, quote, c), false},
		"quote is text":                 {parts("\xd9\xea\x60\x82\x79\x12\x34", quote, c), false},
		"claims are text":               {parts("\xd9\xea\x60\x82", q, quote, "\x63abc"), false},
		"claims are a map":              {parts("\xd9\xea\x60\x82", q, quote, "\xa0"), false},
		"quote is tagged":               {parts("\xd9\xea\x60\x82\xd8\x40", q, quote, c), false},
		"indefinite quote":              {parts("\xd9\xea\x60\x82\x5f", q, quote, "\xff", c), false},
		"quote length in four bytes":    {parts("\xd9\xea\x60\x82\x5a\x00\x00\x12\x34", quote, c), false},
		"claims length in a byte":       {parts("\xd9\xea\x60\x82", q, quote, "\x58\x03abc"), false},
		"claims of 2^64-1":              {parts("\xd9\xea\x60\x82", q, quote, "\x5b\xff\xff\xff\xff\xff\xff\xff\xffabc"), false},
		"claims of 2^63":                {parts("\xd9\xea\x60\x82", q, quote, "\x5b\x80\x00\x00\x00\x00\x00\x00\x00abc"), false},
		"reserved length":               {parts("\xd9\xea\x60\x82", q, quote, "\x5cabc"), false},
		"wrapped in an OCTET STRING":    {parts("\x04\x82\x12\x3f\xd9\xea\x60\x82", q, quote, c), false},
		"report of Open Enclave":        {parts("\x01\x00\x00\x00\x02\x00\x00\x00\x34\x12\x00\x00\x00\x00\x00\x00", quote), false},
		"the quote alone, as Gramine's": {quote, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			quote, claims, err := ratls.Decode(test.value)
			if test.ok != (err == nil) || !test.ok && (err != ratls.ErrEvidence || quote != nil || claims != nil) {
				t.Fatalf("%d and %d bytes, %v", len(quote), len(claims), err)
			}
			if test.ok && !bytes.Equal(ratls.Encode(quote, claims), test.value) {
				t.Error("re-encodes to something else")
			}
		})
	}
}

// name is a claim's key with its head.
func name(s string) string { return string(rune(0x60+len(s))) + s }

func TestCheckClaims(t *testing.T) {
	spki := []byte("a public key")
	hash, long, longer := sha(256, spki), sha(384, spki), sha(512, spki)
	good := parts("\x58\x24\x82\x01\x58\x20", hash)
	bad := parts("\x58\x24\x82\x01\x58\x20", make([]byte, 32))
	key := name("pubkey-hash")
	claims := func(value ...any) []byte { return parts("\xa1", key, parts(value...)) }

	tests := map[string]struct {
		claims []byte
		want   error
	}{
		"SHA-256":                           {claims(good), nil},
		"SHA-384":                           {claims("\x58\x34\x82\x07\x58\x30", long), nil},
		"SHA-512":                           {claims("\x58\x44\x82\x08\x58\x40", longer), nil},
		"another before":                    {parts("\xa2", name("nonce"), "\x41x", key, good), nil},
		"another behind":                    {parts("\xa2", key, good, name("key_0"), "\x40"), nil},
		"nothing":                           {nil, ratls.ErrClaims},
		"empty map":                         {parts("\xa0"), ratls.ErrNoKey},
		"only another":                      {parts("\xa1", name("nonce"), "\x41x"), ratls.ErrNoKey},
		"p":                                 {parts("\xa1", name("p"), good), ratls.ErrNoKey},
		"pubkey":                            {parts("\xa1", name("pubkey"), good), ratls.ErrNoKey},
		"pubkey-hash2":                      {parts("\xa1", name("pubkey-hash2"), good), ratls.ErrNoKey},
		"pubkey-hash and a zero":            {parts("\xa1", name("pubkey-hash\x00"), good), ratls.ErrNoKey},
		"Pubkey-Hash":                       {parts("\xa1", name("Pubkey-Hash"), good), ratls.ErrNoKey},
		"no name":                           {parts("\xa1", name(""), good), ratls.ErrNoKey},
		"twice, good and bad":               {parts("\xa2", key, good, key, bad), ratls.ErrClaims},
		"twice, bad and good":               {parts("\xa2", key, bad, key, good), ratls.ErrClaims},
		"twice, the same":                   {parts("\xa2", key, good, key, good), ratls.ErrClaims},
		"another twice":                     {parts("\xa3", name("a"), "\x40", key, good, name("a"), "\x40"), ratls.ErrClaims},
		"another key's hash":                {claims(bad), ratls.ErrKey},
		"algorithm 0":                       {claims("\x58\x24\x82\x00\x58\x20", hash), ratls.ErrKeyHash},
		"algorithm 2":                       {claims("\x53\x82\x02\x50", hash[:16]), ratls.ErrKeyHash},
		"algorithm 1 with 16 bytes":         {claims("\x53\x82\x01\x50", hash[:16]), ratls.ErrKeyHash},
		"algorithm 1 with no bytes":         {claims("\x43\x82\x01\x40"), ratls.ErrKeyHash},
		"algorithm 1 with 33 bytes":         {claims("\x58\x25\x82\x01\x58\x21", hash, "\x00"), ratls.ErrKeyHash},
		"algorithm 1 with SHA-384":          {claims("\x58\x34\x82\x01\x58\x30", long), ratls.ErrKeyHash},
		"algorithm 7 with SHA-256":          {claims("\x58\x24\x82\x07\x58\x20", hash), ratls.ErrKeyHash},
		"algorithm 10 (SHA3-256)":           {claims("\x58\x24\x82\x0a\x58\x20", hash), ratls.ErrKeyHash},
		"algorithm 257":                     {claims("\x58\x26\x82\x19\x01\x01\x58\x20", hash), ratls.ErrKeyHash},
		"algorithm -2":                      {claims("\x58\x24\x82\x21\x58\x20", hash), ratls.ErrKeyHash},
		"algorithm as text":                 {claims("\x58\x2b\x82\x67sha-256\x58\x20", hash), ratls.ErrKeyHash},
		"algorithm in a byte":               {claims("\x58\x25\x82\x18\x01\x58\x20", hash), ratls.ErrKeyHash},
		"hash length in two bytes":          {claims("\x58\x25\x82\x01\x59\x00\x20", hash), ratls.ErrKeyHash},
		"hash as text":                      {claims("\x58\x24\x82\x01\x78\x20", bytes.Repeat([]byte("a"), 32)), ratls.ErrKeyHash},
		"hash alone":                        {claims("\x58\x20", hash), ratls.ErrKeyHash},
		"indefinite pair":                   {claims("\x58\x25\x9f\x01\x58\x20", hash, "\xff"), ratls.ErrKeyHash},
		"pair of three":                     {claims("\x58\x25\x83\x01\x58\x20", hash, "\x00"), ratls.ErrKeyHash},
		"byte behind the pair":              {claims("\x58\x25\x82\x01\x58\x20", hash, "\x00"), ratls.ErrKeyHash},
		"empty value":                       {claims("\x40"), ratls.ErrKeyHash},
		"pair not in a byte string":         {claims("\x82\x01\x58\x20", hash), ratls.ErrClaims},
		"value in a tag":                    {claims("\xd8\x18", good), ratls.ErrClaims},
		"another is text":                   {parts("\xa2", key, good, name("a"), "\x61x"), ratls.ErrClaims},
		"another is a number":               {parts("\xa2", key, good, name("a"), "\x01"), ratls.ErrClaims},
		"another has a number for its name": {parts("\xa2", key, good, "\x01\x40"), ratls.ErrClaims},
		"name is a byte string":             {parts("\xa1\x4bpubkey-hash", good), ratls.ErrClaims},
		"name is not UTF-8":                 {parts("\xa2", key, good, "\x61\xff\x40"), ratls.ErrClaims},
		"name length in a byte":             {parts("\xa1\x78\x0bpubkey-hash", good), ratls.ErrClaims},
		"indefinite name":                   {parts("\xa1\x7f\x6bpubkey-hash\xff", good), ratls.ErrClaims},
		"indefinite map":                    {parts("\xbf", key, good, "\xff"), ratls.ErrClaims},
		"map size in a byte":                {parts("\xb8\x01", key, good), ratls.ErrClaims},
		"map of 2^64-1":                     {parts("\xbb\xff\xff\xff\xff\xff\xff\xff\xff", key, good), ratls.ErrClaims},
		"map of two with one":               {parts("\xa2", key, good), ratls.ErrClaims},
		"trailing byte":                     {parts("\xa1", key, good, "\x00"), ratls.ErrClaims},
		"array":                             {parts("\x82", key, good), ratls.ErrClaims},
		"tag around":                        {parts("\xd8\x18\xa1", key, good), ratls.ErrClaims},
		"16 claims":                         {many(15, key, good), nil},
		"17 claims":                         {many(16, key, good), ratls.ErrClaims},
		"4097 bytes":                        {parts("\xa2", key, good, name("a"), "\x59\x0f\xc9", make([]byte, 4097-51-5)), ratls.ErrClaims},
		"4096 bytes":                        {parts("\xa2", key, good, name("a"), "\x59\x0f\xc8", make([]byte, 4096-51-5)), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := ratls.CheckClaims(test.claims, spki); err != test.want {
				t.Errorf("%v, want %v", err, test.want)
			}
			again, err := ratls.Reencode(test.claims)
			if err == nil && !bytes.Equal(again, test.claims) {
				t.Errorf("re-encodes to %x", again)
			}
		})
	}
}

// many is a map of n claims and one more.
func many(n int, last ...any) []byte {
	b := []byte{0xa0 + byte(n+1)}
	for i := range n {
		b = append(b, name(strings.Repeat("a", i+1))...)
		b = append(b, 0x40)
	}
	return append(b, parts(last...)...)
}
