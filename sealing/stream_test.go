package sealing_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/cleave-sdk/cleave/sealing"
)

const batch = 15

var streamSizes = []int{0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, batch*chunk - 1, batch * chunk, batch*chunk + 1, (2*batch+1)*chunk + 77}

// feeds are ways to get n bytes into a Writer.
var feeds = map[string]func(w *sealing.Writer, b []byte) error{
	"one write": func(w *sealing.Writer, b []byte) error { _, err := w.Write(b); return err },
	"small writes": func(w *sealing.Writer, b []byte) error {
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{bytes.NewReader(b)}, make([]byte, 1000))
		return err
	},
	"uneven writes": func(w *sealing.Writer, b []byte) error {
		for n := 1; len(b) > 0; n = n * 3 % 1000003 {
			n = min(n, len(b))
			if m, err := w.Write(b[:n]); m != n || err != nil {
				return errors.Join(err, io.ErrShortWrite)
			}
			b = b[n:]
		}
		return nil
	},
	"copy": func(w *sealing.Writer, b []byte) error { _, err := io.Copy(w, bytes.NewReader(b)); return err },
	"slow copy": func(w *sealing.Writer, b []byte) error {
		_, err := w.ReadFrom(iotest.HalfReader(bytes.NewReader(b)))
		return err
	},
	"write+copy": func(w *sealing.Writer, b []byte) error { return inTwo(w, b, 5) },
	"odd + copy": func(w *sealing.Writer, b []byte) error { return inTwo(w, b, chunk+5) },
}

func inTwo(w *sealing.Writer, b []byte, first int) error {
	first = min(first, len(b))
	if _, err := w.Write(b[:first]); err != nil {
		return err
	}
	n, err := w.ReadFrom(bytes.NewReader(b[first:]))
	if n != int64(len(b)-first) {
		return errors.Join(err, io.ErrShortWrite)
	}
	return err
}

// However it is cut into writes and reads, a stream is the blob that FORMAT.md
// describes.
func TestStreams(t *testing.T) {
	cpu := newCPU()
	s := sealing.New(cpu, sealing.ToSigner)
	for name, feed := range feeds {
		for _, n := range streamSizes {
			cpu.asked()
			text := pattern(n)
			var b bytes.Buffer
			w, err := s.NewWriter(&b, additional)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(feed(w, text), w.Close(), w.Close()); err != nil {
				t.Fatalf("%s of %d bytes: %v", name, n, err)
			}
			key, err := cpu.SealingKey(cpu.asked()[0])
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b.Bytes(), written(key, b.Bytes()[:160], text, additional)) {
				t.Errorf("%s: %d bytes became %d, not the blob of FORMAT.md", name, n, b.Len())
			}
			if name == "copy" {
				opens(t, name, s, b.Bytes(), additional, text)
			}
		}
	}
}

func TestReadsOfEverySize(t *testing.T) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	text := pattern(17*chunk + 77)
	blob := seal(t, s, text, nil)
	for _, n := range []int{1000, chunk - 1, chunk, chunk + 1, 4*chunk + 1, 16 * chunk} {
		for name, source := range map[string]io.Reader{
			"bytes":    bytes.NewReader(blob),
			"halves":   iotest.HalfReader(bytes.NewReader(blob)),
			"data+EOF": iotest.DataErrReader(bytes.NewReader(blob)),
		} {
			r, err := s.NewReader(source, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{r}, make([]byte, n)); err != nil || !bytes.Equal(got.Bytes(), text) {
				t.Errorf("%s by %d: %d bytes, %v", name, n, got.Len(), err)
			}
			if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("after the end: %d, %v", n, err)
			}
		}
	}
}

// A stream of a blob cut anywhere near an edge hands out what is authentic, and
// says that it was not all.
func TestAttackTruncatedStream(t *testing.T) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	text := pattern(3 * chunk)
	blob := seal(t, s, text, nil)
	for _, n := range []int{192, 193, 192 + chunk, 192 + chunk + 15, 192 + chunk + 16, 192 + chunk + 17, len(blob) - 17, len(blob) - 16, len(blob) - 15, len(blob) - 1} {
		r, err := s.NewReader(bytes.NewReader(blob[:n]), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if whole := (n - 192) / (chunk + 16) * chunk; len(got) != whole || !bytes.Equal(got, text[:whole]) || !errors.Is(err, sealing.ErrOpen) {
			t.Errorf("cut to %d: %d bytes, %v", n, len(got), err)
		}
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, sealing.ErrOpen) {
			t.Errorf("cut to %d: read again: %v", n, err)
		}
	}
}

var errBroken = errors.New("broken")

func TestStreamErrorsOfOthers(t *testing.T) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	text := pattern(20 * chunk)
	blob := seal(t, s, text, nil)
	for _, n := range []int{0, 100, 192, 193, 192 + chunk + 16, 5 * chunk} {
		source := io.MultiReader(bytes.NewReader(blob[:n]), iotest.ErrReader(errBroken))
		r, err := s.NewReader(source, nil)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if !errors.Is(err, errBroken) || errors.Is(err, sealing.ErrOpen) {
			t.Errorf("reader broken after %d: %v", n, err)
		}
		if n < 192 {
			continue
		}
		w, err := s.NewWriter(&fullAfter{n}, nil)
		if err == nil {
			_, err = w.Write(text)
			err = errors.Join(err, w.Close())
		}
		if !errors.Is(err, errBroken) {
			t.Errorf("writer broken after %d: %v", n, err)
		}
		if _, again := w.Write([]byte("more")); !errors.Is(again, errBroken) {
			t.Errorf("written to again: %v", again)
		}
	}
	if _, err := s.NewWriter(&fullAfter{100}, nil); !errors.Is(err, errBroken) {
		t.Errorf("no header could be written: %v", err)
	}
	var b bytes.Buffer
	w, err := s.NewWriter(&b, nil)
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	if n, err := w.Write([]byte("late")); n != 0 || err == nil {
		t.Errorf("written after Close: %d, %v", n, err)
	}
	if n, err := w.ReadFrom(strings.NewReader("late")); n != 0 || err == nil {
		t.Errorf("read from after Close: %d, %v", n, err)
	}
	w, err = s.NewWriter(&b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ReadFrom(iotest.ErrReader(errBroken)); !errors.Is(err, errBroken) {
		t.Errorf("source broken: %v", err)
	}
}

// The number of a chunk has 32 bits, although the nonce has room for more.
func TestNoMoreThan32BitsOfChunks(t *testing.T) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	text, last := pattern(chunk), uint64(1<<32-2)
	var b bytes.Buffer
	w, err := s.NewWriter(&b, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Skip(last - 1)
	if _, err := w.Write(text); err != nil {
		t.Errorf("the last but one: %v", err)
	}
	full := bytes.Clone(b.Bytes())
	if _, err := w.Write(text); err == nil {
		t.Error("one more than there may be")
	}
	r, err := s.NewReader(bytes.NewReader(full), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Skip(last)
	if _, err := r.Read(make([]byte, chunk)); !errors.Is(err, sealing.ErrFormat) {
		t.Errorf("reading it: %v", err)
	}
}

// failsOnce fails once, and would take what comes after.
type failsOnce struct {
	writes, fails, after int
}

func (f *failsOnce) Write(b []byte) (int, error) {
	if f.writes++; f.writes == f.fails {
		return 0, errBroken
	}
	if f.writes > f.fails {
		f.after++
	}
	return len(b), nil
}

// After an error nothing more is written: there would be a hole.
func TestNothingIsWrittenAfterAnError(t *testing.T) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	for fails := 2; fails < 20; fails++ {
		f := &failsOnce{fails: fails}
		w, err := s.NewWriter(f, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Write(pattern(40 * chunk))
		if closing := w.Close(); !errors.Is(err, errBroken) || !errors.Is(closing, errBroken) || f.after > 0 {
			t.Errorf("write %d fails: %v, %v, and %d writes after it", fails, err, closing, f.after)
		}
	}
}

type fullAfter struct{ room int }

func (f *fullAfter) Write(b []byte) (int, error) {
	if len(b) > f.room {
		return f.room, errBroken
	}
	f.room -= len(b)
	return len(b), nil
}

// counting counts what is read of a blob.
type counting struct {
	io.ReaderAt
	mu           sync.Mutex
	reads, bytes int
}

func (c *counting) ReadAt(b []byte, off int64) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	c.bytes += len(b)
	return c.ReaderAt.ReadAt(b, off)
}

func TestRandomAccess(t *testing.T) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	for _, n := range []int{0, 1, chunk - 1, chunk, 2*chunk + 5, 40 * chunk} {
		text := pattern(n)
		blob := seal(t, s, text, nil)
		r, err := s.NewReaderAt(bytes.NewReader(blob), int64(len(blob)), nil)
		if err != nil || r.Size() != int64(n) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 50 {
					off, size := rand.IntN(n+2), rand.IntN(min(n, 20*chunk)+2)
					got := make([]byte, size)
					m, err := r.ReadAt(got, int64(off))
					want := text[min(off, n):min(off+size, n)]
					if !bytes.Equal(got[:m], want) || (err == io.EOF) != (len(want) < size) || err != nil && err != io.EOF {
						t.Errorf("%d at %d of %d: %d, %v", size, off, n, m, err)
					}
				}
			})
		}
		wg.Wait()
		if _, err := r.ReadAt(make([]byte, 1), -1); err == nil {
			t.Error("read before the start")
		}
	}
}

// A read of 4 KiB costs one chunk, wherever it is.
func TestRandomReadCostsOneChunk(t *testing.T) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	blob := seal(t, s, pattern(40*chunk+100), nil)
	source := &counting{ReaderAt: bytes.NewReader(blob)}
	r, err := s.NewReaderAt(source, int64(len(blob)), nil)
	if err != nil {
		t.Fatal(err)
	}
	for off := int64(0); off+4096 <= r.Size(); off += 4096 {
		source.reads, source.bytes = 0, 0
		if _, err := r.ReadAt(make([]byte, 4096), off); err != nil {
			t.Fatal(err)
		}
		if source.reads != 1 || source.bytes > chunk+16 {
			t.Fatalf("at %d: %d reads of %d bytes", off, source.reads, source.bytes)
		}
	}
}

// A blob that shrinks, or changes, while it is open.
func TestAttackBlobChangedWhileOpen(t *testing.T) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	blob := seal(t, s, pattern(5*chunk), nil)
	file := bytes.Clone(blob)
	r, err := s.NewReaderAt(bytes.NewReader(file), int64(len(file)), nil)
	if err != nil {
		t.Fatal(err)
	}
	copy(file[192+chunk+16:], blob[192:192+chunk+16])
	for _, size := range []int{1, 4096, 3 * chunk} {
		if n, err := r.ReadAt(make([]byte, size), chunk); n != 0 || !errors.Is(err, sealing.ErrOpen) {
			t.Errorf("%d bytes: %d, %v", size, n, err)
		}
	}
	if n, err := r.ReadAt(make([]byte, 4096), 0); n != 4096 || err != nil {
		t.Errorf("what did not change: %d, %v", n, err)
	}
	short, err := s.NewReaderAt(io.NewSectionReader(bytes.NewReader(blob), 0, 192+3*chunk), int64(len(blob)), nil)
	if short != nil || !errors.Is(err, sealing.ErrOpen) {
		t.Errorf("shorter than it claims to be: %v", err)
	}
}

// zeros are so many bytes, and what is alive in memory while they are read.
type zeros struct {
	left int
	most uint64
}

func (z *zeros) Read(b []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(len(b), z.left)
	clear(b[:n])
	if z.left%(64<<20) == 0 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		z.most = max(z.most, m.HeapAlloc)
	}
	z.left -= n
	return n, nil
}

// 1 GiB passes through a Writer, and then a Reader, with 1 MiB for each.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("1 GiB")
	}
	s := sealing.New(newCPU(), sealing.ToSigner)
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)

	source := &zeros{left: 1 << 30}
	in, out := io.Pipe()
	go func() {
		w, err := s.NewWriter(out, nil)
		if err == nil {
			_, err = io.Copy(w, source)
		}
		out.CloseWithError(errors.Join(err, w.Close()))
	}()
	r, err := s.NewReader(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(onlyWriter{}, r); n != 1<<30 || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if live := int64(source.most) - int64(before.HeapAlloc); live > 2<<20 {
		t.Errorf("%d bytes were alive at once", live)
	}
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	if all := after.TotalAlloc - before.TotalAlloc; all > 5<<20 {
		t.Errorf("%d bytes were allocated", all)
	}
}

type onlyWriter struct{}

func (onlyWriter) Write(b []byte) (int, error) { return len(b), nil }

// The fuzzer has no key: the only streams that it can open are the seeds, and
// of others it gets what the seeds begin with.
func FuzzReader(f *testing.F) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	sealed := map[string]bool{}
	for _, n := range []int{0, 6, chunk, chunk + 1} {
		blob := written(golden().key(f), golden().header, pattern(n), nil) // the same in every process
		sealed[string(blob)] = true
		f.Add(blob)
	}
	text := pattern(chunk + 1)
	f.Fuzz(func(t *testing.T, blob []byte) {
		for _, way := range []string{"Reader", "Reader.WriteTo", "ReaderAt"} {
			got, err := openers[way](s, blob, nil)
			if err == nil && !sealed[string(blob)] || !bytes.HasPrefix(text, got) {
				t.Errorf("%s: %d bytes opened as %d, %v", way, len(blob), len(got), err)
			}
		}
	})
}
