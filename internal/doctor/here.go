package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/cleave-sdk/cleave/internal/nowait"
)

// Here is the machine this process runs on. AESM is asked by the given
// function.
func Here(aesm func(ctx context.Context, socket string) (time.Duration, error)) *Node {
	groups, _ := os.Getgroups() // none is what it then seems to have
	return &Node{
		Files:    root{},
		Stat:     stat,
		Open:     open,
		Env:      os.LookupEnv,
		UID:      os.Getuid(),
		Groups:   append([]int{os.Getgid()}, groups...),
		AESM:     aesm,
		HTTP:     &http.Client{Transport: http.DefaultTransport},
		Insecure: &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}},
		EGo:      egoVersion,
		Now:      time.Now,
	}
}

// root is the root directory. Opening a pipe in it does not wait for a writer.
type root struct{}

func (root) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return nowait.Open("/" + name)
}

func stat(name string) (Entry, error) {
	info, err := os.Stat("/" + name)
	if err != nil {
		return Entry{}, err
	}
	uid, gid := owner(info)
	return Entry{info.Mode(), uid, gid}, nil
}

// open does no more than that: a device that is opened and closed has made no
// enclave.
func open(name string) error {
	f, err := os.OpenFile("/"+name, os.O_RDWR, fs.FileMode(0))
	if err != nil {
		return err
	}
	return f.Close()
}

// egoVersion reads the line that every ego command logs first.
func egoVersion(ctx context.Context) (string, error) {
	var out beginning
	c := exec.CommandContext(ctx, "ego")
	c.Stdout, c.Stderr = &out, &out
	c.WaitDelay = time.Second // for what it may have started
	err := c.Run()
	for word := range strings.FieldsSeq(string(out)) {
		if v, ok := strings.CutPrefix(word, "version="); ok {
			return v, nil
		}
	}
	if err == nil || ctx.Err() != nil || !errors.Is(err, exec.ErrNotFound) {
		return "of an unknown version", ctx.Err()
	}
	return "", err
}

// beginning keeps the first 4 KiB of what is written.
type beginning []byte

func (b *beginning) Write(p []byte) (int, error) {
	*b = append(*b, p[:min(len(p), 4096-len(*b))]...)
	return len(p), nil
}
