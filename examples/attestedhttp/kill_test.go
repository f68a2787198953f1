package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The trusted half is killed, at any moment of its life, while it is asked by
// several at once. No answer is wrong, the value is there after each launch,
// and whoever asks for readiness is told of the launch that answers.
func TestKilled(t *testing.T) {
	kills := 100
	if testing.Short() {
		kills = 5
	}
	s := newScene(t)
	s.start()
	if status, text, err := s.do(s.client(s.owner), "PUT", "/value", value); status != http.StatusNoContent || err != nil {
		t.Fatalf("%d, %q, %v", status, text, err)
	}
	stop := make(chan struct{})
	var answered, failed atomic.Int64
	var askers sync.WaitGroup
	for asker := range 3 {
		askers.Go(func() { s.ask(asker, stop, &answered, &failed) })
	}
	var dead atomic.Uint64 // the last launch that is known to be
	watched := 0
	askers.Go(func() { watched = s.watch(stop, &dead) })
	for range kills {
		s.kill(&dead)
	}
	await(t, "the last launch", func() bool { return s.ready() != 0 })
	close(stop)
	askers.Wait()
	if answered.Load() < int64(kills) || failed.Load() == 0 {
		t.Errorf("%d answers and %d failures: that was no load", answered.Load(), failed.Load())
	}
	if watched < kills {
		t.Errorf("readiness was seen %d times: nobody watched it", watched)
	}
	if n := strings.Count(s.log.String(), "does not open"); n > 0 {
		t.Errorf("the value was lost %d times", n)
	}
	_, metrics := s.page("/metrics")
	if !strings.Contains(metrics, fmt.Sprintf("attestedhttp_launches_total %d\n", kills+1)) {
		t.Errorf("not %d launches", kills+1)
	}
	t.Logf("%d kills, %d answers, none wrong, %d failures, seen ready %d times", kills, answered.Load(), failed.Load(), watched)
}

// ask has messages answered until it is told to stop. It has no wrong answer,
// and none at all is no wrong one.
func (s *scene) ask(asker int, stop chan struct{}, answered, failed *atomic.Int64) {
	client := s.client()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		message := fmt.Sprintf("message %d of %d", n, asker)
		status, text, err := s.do(client, "POST", "/answer", message)
		switch {
		case err != nil:
			failed.Add(1)
			time.Sleep(time.Millisecond)
		case status != http.StatusOK || text != answer(message):
			s.t.Errorf("%s: %d, %q", message, status, text)
		default:
			answered.Add(1)
		}
	}
}

// watch asks for readiness until it is told to stop, and counts how often there
// was one. No answer names a launch that was dead before the question.
func (s *scene) watch(stop chan struct{}, dead *atomic.Uint64) (seen int) {
	for {
		select {
		case <-stop:
			return seen
		default:
		}
		gone := dead.Load()
		launch := s.ready()
		if launch != 0 && launch <= gone {
			s.t.Errorf("ready, launch %d, when %d was dead", launch, gone)
		}
		if launch != 0 {
			seen++
		}
	}
}

// kill waits until a launch is ready, sees that it is, and kills it.
func (s *scene) kill(dead *atomic.Uint64) {
	s.t.Helper()
	var before uint64
	await(s.t, "readiness", func() bool { before = s.ready(); return before != 0 })
	client := s.client()
	if status, text, err := s.do(client, "POST", "/answer", "ready?"); status != http.StatusOK || text != answer("ready?") || err != nil {
		s.t.Errorf("ready, but: %d, %q, %v", status, text, err)
	}
	client.CloseIdleConnections()
	time.Sleep(rand.N(10 * time.Millisecond))
	s.killTrusted()
	dead.Store(before)
	for range 3 { // that launch is not ready any more, whatever the next one is
		if after := s.ready(); after == before {
			s.t.Errorf("launch %d was killed, and is ready", before)
		}
	}
}

// killTrusted returns when the process is gone.
func (s *scene) killTrusted() {
	s.t.Helper()
	exe := filepath.Join(filepath.Dir(s.settings.file), "attestedhttp-trusted")
	pids := running(exe)
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
			s.t.Fatal(err)
		}
	}
	if len(pids) == 0 {
		s.t.Fatal("nothing there to kill")
	}
	await(s.t, "the end of those that were killed", func() bool {
		for _, pid := range pids {
			if exists(pid, exe) {
				return false
			}
		}
		return true
	})
}

// running are the processes of an executable.
func running(exe string) (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && exists(pid, exe) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func exists(pid int, exe string) bool {
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil && link == exe
}
