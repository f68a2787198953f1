package aesm

import (
	"context"
	"crypto/sha256"
	"errors"

	"google.golang.org/protobuf/proto"

	"github.com/cleave-sdk/cleave/internal/aesm/aesmpb"
	"github.com/cleave-sdk/cleave/internal/lebyte"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// answer has an answer of the request's own kind for everything that has to do
// with ECDSA, and says of all else that it is not supported.
func (s *Server) answer(ctx context.Context, m *aesmpb.Request) *aesmpb.Response {
	switch {
	case m.KeyCount != nil:
		return &aesmpb.Response{KeyCount: &aesmpb.Response_KeyCount{Error: status(nil), Count: proto.Uint32(1)}}
	case m.Keys != nil:
		return &aesmpb.Response{Keys: s.keys(m.Keys)}
	case m.SelectKey != nil:
		return &aesmpb.Response{SelectKey: s.selectKey(m.SelectKey)}
	case m.InitQuote != nil:
		return &aesmpb.Response{InitQuote: s.initQuote(m.InitQuote)}
	case m.QuoteSize != nil:
		return &aesmpb.Response{QuoteSize: s.quoteSize(m.QuoteSize)}
	case m.Quote != nil:
		return &aesmpb.Response{Quote: s.quote(ctx, m.Quote)}
	}
	return &aesmpb.Response{Unsupported: &aesmpb.Response_Unsupported{Error: status(ServiceUnavailable)}}
}

// status is how an error is answered, and no error as success.
func status(err error) *uint32 {
	var code Code
	if err != nil && !errors.As(err, &code) {
		code = Unexpected
	}
	return proto.Uint32(uint32(code))
}

// hasKey says whether the client asks for the key there is.
func hasKey(id []byte) error {
	switch {
	case len(id) < keyIDSize:
		return Parameter
	case !intelKey().same(id):
		return UnsupportedKey
	}
	return nil
}

func (s *Server) keys(r *aesmpb.Request_Keys) *aesmpb.Response_Keys {
	if r.GetBufferSize() < keyIDSize || r.GetBufferSize() > maxKeys*keyIDSize {
		return &aesmpb.Response_Keys{Error: status(Parameter)}
	}
	key := intelKey()
	ids := make([]byte, r.GetBufferSize()) // the answer fills the client's buffer
	copy(ids, key[:])
	return &aesmpb.Response_Keys{Error: status(nil), KeyIds: ids}
}

// selectKey picks from the client's list, or from what there is if it has none.
func (s *Server) selectKey(r *aesmpb.Request_SelectKey) *aesmpb.Response_SelectKey {
	key := intelKey()
	if err := listed(r.KeyIds, key); err != nil {
		return &aesmpb.Response_SelectKey{Error: status(err)}
	}
	return &aesmpb.Response_SelectKey{Error: status(nil), KeyId: key[:]}
}

// listed reads a list of keys: an id and a version, both zero, how many there
// are, and they.
func listed(list []byte, key keyID) error {
	if list == nil {
		return nil
	}
	var count uint32
	s := lebyte.String(list)
	if !s.Zero(4) || !s.Uint32(&count) || count > maxKeys || len(s) != int(count)*keyIDSize {
		return Parameter
	}
	for range count {
		var id []byte
		if s.Bytes(&id, keyIDSize) && key.same(id) {
			return nil
		}
	}
	return UnsupportedKey
}

// initQuote answers with the target at once, as a client may ask only once.
func (s *Server) initQuote(r *aesmpb.Request_InitQuote) *aesmpb.Response_InitQuote {
	if err := hasKey(r.KeyId); err != nil {
		return &aesmpb.Response_InitQuote{Error: status(err)}
	}
	target := s.QuotingEnclave.Target()
	b := target.Append(nil)
	a := &aesmpb.Response_InitQuote{Error: status(nil), TargetInfo: b, KeyHashSize: proto.Uint64(sha256.Size)}
	if !r.GetWithKeyHash() {
		return a
	}
	if r.GetBufferSize() != sha256.Size {
		return &aesmpb.Response_InitQuote{Error: status(Parameter)}
	}
	hash := sha256.Sum256(b) // it only names the key, which is the one of that enclave
	a.KeyHash = hash[:]
	return a
}

func (s *Server) quoteSize(r *aesmpb.Request_QuoteSize) *aesmpb.Response_QuoteSize {
	if err := hasKey(r.KeyId); err != nil {
		return &aesmpb.Response_QuoteSize{Error: status(err)}
	}
	return &aesmpb.Response_QuoteSize{Error: status(nil), Size: proto.Uint32(uint32(s.QuotingEnclave.QuoteSize()))}
}

func (s *Server) quote(ctx context.Context, r *aesmpb.Request_Quote) *aesmpb.Response_Quote {
	quote, err := s.makeQuote(ctx, r)
	if err != nil {
		return &aesmpb.Response_Quote{Error: status(err)}
	}
	a := &aesmpb.Response_Quote{Error: status(nil), Quote: quote}
	if r.QeReportInfo == nil {
		return a
	}
	if a.QeReportInfo, err = s.vouch(r.QeReportInfo, quote); err != nil {
		return &aesmpb.Response_Quote{Error: status(err)}
	}
	return a
}

// makeQuote fills the client's buffer, as Intel's service does.
func (s *Server) makeQuote(ctx context.Context, r *aesmpb.Request_Quote) ([]byte, error) {
	if err := hasKey(r.KeyId); err != nil {
		return nil, err
	}
	size := s.QuotingEnclave.QuoteSize()
	if len(r.Report) != sgx.ReportSize || int64(r.GetBufferSize()) < int64(size) || r.GetBufferSize() > maxQuote {
		return nil, Parameter
	}
	report, err := sgx.ParseReport(r.Report)
	if err != nil {
		return nil, InvalidReport
	}
	quote, err := s.QuotingEnclave.Quote(ctx, report)
	if err != nil {
		return nil, err
	}
	if len(quote) > size {
		return nil, Unexpected
	}
	return append(quote, make([]byte, int(r.GetBufferSize())-len(quote))...), nil
}

// vouch completes Intel's sgx_ql_qe_report_info_t: the client's nonce and
// target, and a report of the quoting enclave for that target, of the nonce
// and the quote.
func (s *Server) vouch(info, quote []byte) ([]byte, error) {
	const nonceSize = 16
	var nonce, targetInfo []byte
	in := lebyte.String(info)
	if !in.Bytes(&nonce, nonceSize) || !in.Bytes(&targetInfo, sgx.TargetInfoSize) || len(in) != sgx.ReportSize {
		return nil, Parameter
	}
	target, err := sgx.ParseTargetInfo(targetInfo)
	if err != nil {
		return nil, Parameter
	}
	reporter, ok := s.QuotingEnclave.(Reporter)
	if !ok {
		return nil, NoQEReport
	}
	quote, _ = trim(quote)
	var data [64]byte
	hash := sha256.Sum256(append(nonce[:nonceSize:nonceSize], quote...))
	copy(data[:], hash[:])
	report := reporter.Report(target, data)
	return report.Append(append(nonce[:nonceSize:nonceSize], targetInfo...)), nil
}
