package bounds_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/examples/attestedhttp/bounds"
)

func Example() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	server := bounds.Server(100, hello, func(line string) { fmt.Println(line) })
	go server.Serve(l)
	defer server.Close()

	response, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	fmt.Printf("%s\n", text)
	// Output: hello
}

// A server has a limit to everything that a client can draw out.
func TestServer(t *testing.T) {
	s := bounds.Server(1, http.NotFoundHandler(), func(string) {})
	for what, d := range map[string]time.Duration{"header": s.ReadHeaderTimeout, "request": s.ReadTimeout, "answer": s.WriteTimeout, "next": s.IdleTimeout} {
		if d <= 0 || d > time.Minute {
			t.Errorf("%s: %v", what, d)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	defer s.Close()
	for length, want := range map[int]int{100: 404, 9 << 10: 431} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+l.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X", strings.Repeat("x", length))
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("a header of %d bytes: %d", length, response.StatusCode)
		}
	}
}
