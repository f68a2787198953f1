package sealing_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/cleave-sdk/cleave/sealing"
)

// openers are all the ways to open a blob as a whole. What they return with
// an error is what was handed out before it.
var openers = map[string]func(s *sealing.Sealer, blob, additional []byte) ([]byte, error){
	"Open": (*sealing.Sealer).Open,
	"Reader": func(s *sealing.Sealer, blob, additional []byte) ([]byte, error) {
		r, err := s.NewReader(bytes.NewReader(blob), additional)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	},
	"Reader.WriteTo": func(s *sealing.Sealer, blob, additional []byte) ([]byte, error) {
		r, err := s.NewReader(bytes.NewReader(blob), additional)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		_, err = r.WriteTo(&b)
		return b.Bytes(), err
	},
	"ReaderAt": func(s *sealing.Sealer, blob, additional []byte) ([]byte, error) {
		r, err := s.NewReaderAt(bytes.NewReader(blob), int64(len(blob)), additional)
		if err != nil {
			return nil, err
		}
		b := make([]byte, r.Size()+1)
		n, err := r.ReadAt(b, 0)
		if err == io.EOF {
			err = nil
		}
		return b[:n], err
	},
	"ReaderAt.Reader": func(s *sealing.Sealer, blob, additional []byte) ([]byte, error) {
		r, err := s.NewReaderAt(bytes.NewReader(blob), int64(len(blob)), additional)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r.Reader())
	},
}

// refused has every opener refuse the blob, and hand out nothing before that
// is not the beginning of text.
func refused(t *testing.T, name string, s *sealing.Sealer, blob, additional, text []byte) {
	t.Helper()
	for way, open := range openers {
		got, err := open(s, blob, additional)
		if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %s: not refused: %v", name, way, err)
		}
		if way == "Open" && got != nil || !bytes.HasPrefix(text, got) {
			t.Errorf("%s: %s handed out %d bytes", name, way, len(got))
		}
	}
}

func opens(t *testing.T, name string, s *sealing.Sealer, blob, additional, text []byte) {
	t.Helper()
	for way, open := range openers {
		if got, err := open(s, blob, additional); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %s got %d bytes, %v", name, way, len(got), err)
		}
	}
}
