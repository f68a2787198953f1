package doctor_test

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cleave-sdk/cleave/internal/deploy"
	"github.com/cleave-sdk/cleave/internal/doctor"
	"github.com/cleave-sdk/cleave/internal/issue"
)

// A made has what its node does not.
type made struct {
	*doctor.Node
	description
}

func (m made) context(t *testing.T) (context.Context, context.CancelFunc) {
	if m.Patience == "" {
		return context.WithCancel(t.Context())
	}
	return context.WithTimeout(t.Context(), duration(t, m.Patience))
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(cmp.Or(s, "0s"))
	if err != nil {
		t.Error(err)
	}
	return d
}

// node makes a node up, and says what is expected of it. If it has a base, only
// the lines that differ are expected of it.
func node(t *testing.T, name string) (m made, want string) {
	t.Helper()
	d, files, want := load(t, name)
	stat := func(name string) (doctor.Entry, error) {
		if e, ok := d.Entries[name]; ok {
			if e.Mode == "hidden" {
				return doctor.Entry{}, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrPermission}
			}
			return e.entry(), nil
		}
		if folder, err := fs.Stat(files, path.Dir(name)); err == nil && !folder.IsDir() {
			return doctor.Entry{}, syscall.ENOTDIR
		}
		info, err := fs.Stat(files, name)
		if err != nil {
			return doctor.Entry{}, err
		}
		return doctor.Entry{Mode: info.Mode()}, nil
	}
	client := &http.Client{Transport: services{d, files}}
	n := &doctor.Node{
		Files: files,
		Stat:  stat,
		Open: func(name string) error {
			if d.Entries[name].opens(d.UID, d.Groups) {
				return nil
			}
			return &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
		},
		Env:    func(name string) (string, bool) { v, set := d.Env[name]; return v, set },
		UID:    d.UID,
		Groups: d.Groups,
		AESM: func(context.Context, string) (time.Duration, error) {
			if d.AESM != "" {
				return 0, errors.New(d.AESM)
			}
			return 7 * time.Millisecond, nil
		},
		HTTP:     client,
		Insecure: client,
		EGo: func(context.Context) (string, error) {
			if d.EGo == "" {
				return "", errors.New("not found")
			}
			return d.EGo, nil
		},
		Now: func() time.Time { return now().Add(duration(t, d.Clock)) },
	}
	n.Trust(intel().Root.Certificate)
	d.of(t, n)
	return made{n, d}, want
}

// of has what the flags of the command tell a node.
func (d description) of(t *testing.T, n *doctor.Node) {
	t.Helper()
	if _, err := hex.Decode(n.Subject.FMSPC[:], []byte(d.Subject)); err != nil {
		t.Fatal(err)
	}
	switch d.Quote {
	case "genuine":
		n.Quote = intel().quote(t)
	case "forged":
		n.Quote = forger().quote(t)
	case "cut":
		n.Quote = intel().quote(t)[:600]
	}
	if d.Quote != "" {
		n.Subject.FMSPC = intel().platform.FMSPC
	}
	if d.Enclave != 0 {
		n.Enclave = &deploy.Half{HeapMiB: d.Enclave}
	}
	if d.Kept != "" {
		n.Files.(fstest.MapFS)[d.Kept] = &fstest.MapFile{Data: kept(intel()), Mode: 0o644}
	}
}

// kept is an answer as Intel's quote provider keeps it.
func kept(v *vendor) []byte {
	chain := v.PCKChain(v.pck)
	header := "HTTP/1.1 200 OK\r\nSGX-TCBm: 00\r\nsgx-PCK-Certificate-Issuer-Chain: " + url.PathEscape(string(issue.PEM(chain[1:]...))) + "\r\n\r\n"
	body := string(issue.PEM(chain[0]))
	return fmt.Appendf(nil, "\x01\x00\x02\x00\x00\x00\xff\xee\xdd\x99\x00\x00\x00\x00%c\xf1\x00\x00%s%c\x80\x00\x00%s", len(header)%128, header, len(body)%128, body)
}
