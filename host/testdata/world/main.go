// Command world does what its arguments say, in their order, and prints what
// came of it, one line for each.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

var ping = ocall.Func[string, string]{Name: "ping", Check: ocall.Unchecked[string, string]}

func main() {
	for _, what := range os.Args[1:] {
		verb, object, _ := strings.Cut(what, " ")
		came, err := try(verb, object)
		if err != nil {
			came = "error: " + err.Error()
		}
		fmt.Printf("%s = %q\n", what, came)
	}
}

func try(verb, object string) (string, error) {
	switch verb {
	case "environment":
		return strings.Join(os.Environ(), "\n"), nil
	case "cwd":
		return os.Getwd()
	case "list":
		return list(object)
	case "read":
		b, err := os.ReadFile(object)
		return string(b), err
	case "write":
		return "", os.WriteFile(object, []byte("written"), 0o600)
	case "descriptors":
		return descriptors(), nil
	case "stdin":
		b, err := io.ReadAll(os.Stdin)
		return string(b), err
	case "exec":
		return "", syscall.Exec(object, []string{object}, nil)
	case "fork":
		_, _, errno := syscall.RawSyscall(syscall.SYS_FORK, 0, 0, 0)
		if errno == 0 {
			os.Exit(100)
		}
		return "", errno
	case "resolve":
		addrs, err := net.LookupHost(object)
		return strings.Join(addrs, " "), err
	case "ping":
		return call(object)
	}
	return "", errors.New("what?")
}

func list(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " "), err
}

// descriptors are those that were there before the Go runtime opened its own.
func descriptors() string {
	var open []string
	for fd := range 256 {
		var s syscall.Stat_t
		if syscall.Fstat(fd, &s) == nil && s.Mode&syscall.S_IFMT != 0 {
			open = append(open, strconv.Itoa(fd))
		}
	}
	return strings.Join(open, " ")
}

func call(what string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := ocall.Dial(ctx, ocall.Service{ping})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return ping.Call(ctx, conn, what)
}
