// Package bounds keeps strangers from taking more of a server than it can give:
// connections, time, headers, and lines in its log. Both halves have one that
// anybody may connect to.
package bounds

import (
	"log"
	"net/http"
	"time"
)

// Server answers by h for so many at once: who comes when there are most takes
// the place of whoever has been silent longest. It waits for no client longer
// than a few seconds: 5 for a header, which has at most 8 KB, 10 for a whole
// request and as many for its answer, 5 between two. What it has to say of its
// clients goes to say, at most once a minute. It serves one listener.
func Server(most int, h http.Handler, say func(line string)) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       5 * time.Second,
		ConnState:         newCrowd(most).follow,
		MaxHeaderBytes:    4 << 10, // to which net/http adds 4 KB
		ErrorLog:          log.New(&complaints{say: say, now: time.Now}, "", 0),
	}
}
