package sealing_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/sealing"
)

func newFile(t testing.TB, g sealing.Guard) *sealing.File {
	return &sealing.File{
		Path:   filepath.Join(t.TempDir(), "secret"),
		Name:   "the secret",
		Sealer: sealing.New(newCPU(), sealing.ToSigner),
		Guard:  g,
	}
}

func store(t testing.TB, f *sealing.File, content string) {
	t.Helper()
	if err := f.Store(t.Context(), []byte(content)); err != nil {
		t.Fatal(err)
	}
}

func initialise(t testing.TB, f *sealing.File, content string) {
	t.Helper()
	if err := f.Init(t.Context(), []byte(content)); err != nil {
		t.Fatal(err)
	}
}

func wantContent(t testing.TB, f *sealing.File, want string) {
	t.Helper()
	got, err := f.Load(t.Context())
	if err != nil || string(got) != want {
		t.Errorf("the content is %.20q, %v; want %.20q", got, err, want)
	}
}

func wantError(t testing.TB, f *sealing.File, want error) {
	t.Helper()
	got, err := f.Load(t.Context())
	if got != nil || !errors.Is(err, want) {
		t.Errorf("the content is %.20q, %v; want %v", got, err, want)
	}
}

// versions returns the files in f's directory, by name.
func files(t testing.TB, f *sealing.File) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	names, err := filepath.Glob(filepath.Dir(f.Path) + "/*")
	for _, name := range names {
		b, readErr := os.ReadFile(name)
		all[name] = b
		err = errors.Join(err, readErr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func put(t testing.TB, files map[string][]byte) {
	t.Helper()
	for name, b := range files {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(t testing.TB, files map[string][]byte) {
	t.Helper()
	for name := range files {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFile(t *testing.T) {
	for name, g := range map[string]sealing.Guard{"without a guard": nil, "with a guard": new(sealing.MemoryGuard)} {
		t.Run(name, func(t *testing.T) {
			f := newFile(t, g)
			if g != nil {
				wantError(t, f, sealing.ErrNoEntry)
				if err := f.Store(t.Context(), nil); !errors.Is(err, sealing.ErrNoEntry) {
					t.Errorf("stored without an entry: %v", err)
				}
				initialise(t, f, "first")
			} else {
				wantError(t, f, fs.ErrNotExist)
				store(t, f, "first")
			}
			wantContent(t, f, "first")
			large := string(pattern(3*chunk + 3))
			for _, content := range []string{"second", "", large, "last"} {
				store(t, f, content)
				wantContent(t, f, content)
				all := files(t, f)
				if len(all) != 1 {
					t.Errorf("there are %d files", len(all))
				}
				for name, blob := range all {
					if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
						t.Errorf("the file is %v, %v", info.Mode(), err)
					}
					if got, err := f.Sealer.Open(blob, []byte(f.Name)); err != nil || string(got) != content {
						t.Errorf("as a blob, it is %.20q, %v", got, err)
					}
				}
			}
		})
	}
}

func TestDraft(t *testing.T) {
	for name, g := range map[string]sealing.Guard{"without a guard": nil, "with a guard": new(sealing.MemoryGuard)} {
		t.Run(name, func(t *testing.T) {
			ctx, f := t.Context(), newFile(t, g)
			begin := f.Store
			if g != nil {
				begin = f.Init
			}
			if err := begin(ctx, []byte("old")); err != nil {
				t.Fatal(err)
			}
			create := func() *sealing.Draft {
				t.Helper()
				d, err := f.Create(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(d, bytes.NewReader(pattern(20*chunk))); err != nil {
					t.Fatal(err)
				}
				return d
			}
			d := create()
			wantContent(t, f, "old")
			if err := errors.Join(d.Close(), d.Close()); err != nil {
				t.Error(err)
			}
			wantContent(t, f, "old")
			if len(files(t, f)) != 1 {
				t.Error("an abandoned draft is left")
			}
			if _, err := d.Write(nil); err == nil || d.Commit(ctx) == nil {
				t.Error("an abandoned draft can be used")
			}

			overtaken, d := create(), create()
			if err := overtaken.Commit(ctx); !errors.Is(err, sealing.ErrConflict) {
				t.Errorf("overtaken: %v", err)
			}
			wantContent(t, f, "old")
			before, err := f.Open(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(d.Commit(ctx), d.Close()); err != nil {
				t.Fatal(err)
			}
			if d.Commit(ctx) == nil {
				t.Error("committed twice")
			}
			wantContent(t, f, string(pattern(20*chunk)))
			old := make([]byte, 3)
			if _, err := before.ReadAt(old, 0); err != nil || string(old) != "old" || before.Size() != 3 {
				t.Errorf("what was open before is %q, %v", old, err)
			}
			if err := before.Close(); err != nil {
				t.Error(err)
			}
			c, err := f.Open(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			var got bytes.Buffer
			if _, err := io.Copy(&got, c.Reader()); err != nil || !bytes.Equal(got.Bytes(), pattern(20*chunk)) {
				t.Errorf("read %d bytes, %v", got.Len(), err)
			}
		})
	}
}

// The host puts an older version back, under whatever name would be looked at.
func TestAttackReplay(t *testing.T) {
	f := newFile(t, nil)
	store(t, f, "old")
	old := files(t, f)
	store(t, f, "new")
	put(t, old)
	wantContent(t, f, "old") // which is why there are guards

	f = newFile(t, new(sealing.MemoryGuard))
	initialise(t, f, "oldest")
	oldest := files(t, f)
	store(t, f, "old")
	old = files(t, f)
	store(t, f, "new")
	newest := files(t, f)
	put(t, old)
	put(t, oldest)
	wantContent(t, f, "new")
	remove(t, newest)
	wantError(t, f, sealing.ErrRolledBack)
	for name := range newest {
		for _, blob := range old {
			put(t, map[string][]byte{name: blob, f.Path: blob})
		}
	}
	wantError(t, f, sealing.ErrRolledBack)
	if err := f.Init(t.Context(), []byte("again")); !errors.Is(err, sealing.ErrConflict) {
		t.Errorf("initialised again: %v", err)
	}
	wantError(t, f, sealing.ErrRolledBack)
	put(t, newest)
	wantContent(t, f, "new")
}

// The guard knows the file of one name only.
func TestAttackAnotherFilesVersion(t *testing.T) {
	g := new(sealing.MemoryGuard)
	a, b := newFile(t, g), newFile(t, g)
	b.Name = "the other secret"
	initialise(t, a, "a")
	initialise(t, b, "b")
	for mine := range files(t, a) {
		for _, other := range files(t, b) {
			put(t, map[string][]byte{mine: other})
		}
	}
	wantError(t, a, sealing.ErrOpen)
	unguarded := &sealing.File{Path: b.Path, Name: a.Name, Sealer: a.Sealer}
	for _, other := range files(t, b) {
		put(t, map[string][]byte{unguarded.Path: other})
	}
	wantError(t, unguarded, sealing.ErrOpen)
}

// A write that became durable but of which the guard has not heard: the old
// version is there, or if not the new one is taken, and for good.
func TestSuccessor(t *testing.T) {
	g := &silentGuard{}
	f := newFile(t, g)
	initialise(t, f, "old")
	old := files(t, f)
	g.silent = true
	if err := f.Store(t.Context(), []byte("new")); err == nil || errors.Is(err, sealing.ErrConflict) {
		t.Fatalf("the guard did not answer: %v", err)
	}
	both := files(t, f)
	if len(both) != 2 {
		t.Fatalf("%d files", len(both))
	}
	wantContent(t, f, "old")
	remove(t, old)
	if got, err := f.Load(t.Context()); err == nil {
		t.Errorf("used %q before the guard knew of it", got)
	}
	g.silent = false
	wantContent(t, f, "new")
	if v, err := g.Current(t.Context(), f.Name); err != nil || v.Number != 2 {
		t.Errorf("the guard has version %d, %v", v.Number, err)
	}
	put(t, old)
	wantContent(t, f, "new")
	for name := range both {
		if _, isOld := old[name]; !isOld {
			remove(t, map[string][]byte{name: nil})
		}
	}
	wantError(t, f, sealing.ErrRolledBack)
}

func TestRelativePaths(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"secret", "./secret2", ".//secret3", "../" + filepath.Base(must(os.Getwd())) + "/secret4"} {
		g := &silentGuard{}
		f := newFile(t, g)
		f.Path = path
		initialise(t, f, "old")
		old := must(filepath.Glob(path + ".*"))
		g.silent = true
		if err := f.Store(t.Context(), []byte("new")); err == nil || len(old) != 1 {
			t.Fatalf("%s: %v, %q", path, err, old)
		}
		g.silent = false
		check(os.Remove(old[0]))
		wantContent(t, f, "new")
		store(t, f, "newer")
		if left := must(filepath.Glob(path + "*")); len(left) != 1 {
			t.Errorf("%s: left behind: %q", path, left)
		}
	}
}

// A header can be forged up to its MAC, and must not make the guard move.
func TestAttackForgedSuccessor(t *testing.T) {
	g := &silentGuard{}
	f := newFile(t, g)
	initialise(t, f, "old")
	old := files(t, f)
	entry, err := g.Current(t.Context(), f.Name)
	if err != nil {
		t.Fatal(err)
	}
	g.silent = true
	if err := f.Store(t.Context(), pattern(2*chunk)); err == nil {
		t.Fatal("no error")
	}
	successor := files(t, f)
	g.silent = false
	remove(t, successor)
	for name, blob := range successor {
		if _, isOld := old[name]; isOld {
			continue
		}
		for change, forged := range map[string][]byte{
			"MAC":         with(blob, 160, blob[160]^1),
			"salt":        with(blob, 100, blob[100]^1),
			"predecessor": with(blob, 128, blob[128]^1),
			"cut short":   blob[:len(blob)-chunk-16],
		} {
			put(t, map[string][]byte{name: forged})
			if got, err := f.Load(t.Context()); !errors.Is(err, sealing.ErrRolledBack) {
				t.Errorf("%s: opened %d bytes, %v", change, len(got), err)
			}
			if now, err := g.Current(t.Context(), f.Name); now != entry || err != nil {
				t.Fatalf("%s: the guard moved on to %v", change, now)
			}
		}
		put(t, map[string][]byte{name: blob})
		wantContent(t, f, string(pattern(2*chunk)))
	}
}

// twoFaced shows another file the first time that a path is opened.
type twoFaced struct {
	sealing.Disk
	first map[string]string
}

func (d twoFaced) Open(path string) (sealing.DiskFile, error) {
	if other, ok := d.first[path]; ok {
		delete(d.first, path)
		path = other
	}
	return d.Disk.Open(path)
}

// What looked like a successor is another file when it is opened: an old one,
// which is as authentic as can be.
func TestAttackFileChangesBetweenLooks(t *testing.T) {
	g := new(sealing.MemoryGuard)
	f := newFile(t, g)
	initialise(t, f, "oldest")
	oldest := files(t, f)
	store(t, f, "new")
	entry, err := g.Current(t.Context(), f.Name)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, files(t, f))
	put(t, oldest)
	forged := filepath.Join(t.TempDir(), "forged")
	d := twoFaced{sealing.System, map[string]string{}}
	for path, blob := range oldest {
		put(t, map[string][]byte{forged: with(blob, 128, entry.Digest[:]...)})
		d.first[path] = forged
	}
	wantError(t, f.On(d), sealing.ErrRolledBack)
	if now, err := g.Current(t.Context(), f.Name); now != entry || err != nil || len(d.first) > 0 {
		t.Errorf("the guard moved on to %v, %v", now, err)
	}
}

// silentGuard advances, or not, and does not say.
type silentGuard struct {
	sealing.MemoryGuard
	silent bool
	lost   bool // the answer, not the question
}

func (g *silentGuard) Advance(ctx context.Context, name string, old, new sealing.Version) error {
	if g.silent {
		return errBroken
	}
	err := g.MemoryGuard.Advance(ctx, name, old, new)
	if g.lost {
		return errBroken
	}
	return err
}

func TestGuardsAnswerLost(t *testing.T) {
	g := &silentGuard{}
	f := newFile(t, g)
	initialise(t, f, "old")
	g.lost = true
	if err := f.Store(t.Context(), []byte("new")); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	g.lost = false
	wantContent(t, f, "new")
	store(t, f, "newer")
	store(t, f, "newest")
	if all := files(t, f); len(all) != 1 {
		t.Errorf("%d files", len(all))
	}
}

// doubtfulGuard asks twice, as a client does that has lost an answer.
type doubtfulGuard struct{ sealing.MemoryGuard }

func (g *doubtfulGuard) Advance(ctx context.Context, name string, old, new sealing.Version) error {
	g.MemoryGuard.Advance(ctx, name, old, new)
	return g.MemoryGuard.Advance(ctx, name, old, new)
}

func TestGuardConflictsWithItself(t *testing.T) {
	f := newFile(t, new(doubtfulGuard))
	initialise(t, f, "old")
	store(t, f, "new")
	wantContent(t, f, "new")
}

// movingGuard moves on right after it has said where it is.
type movingGuard struct {
	sealing.Guard
	then func()
}

func (g *movingGuard) Current(ctx context.Context, name string) (sealing.Version, error) {
	v, err := g.Guard.Current(ctx, name)
	if then := g.then; then != nil {
		g.then = nil
		then()
	}
	return v, err
}

func TestLoadWhileAnotherStores(t *testing.T) {
	g := &movingGuard{Guard: new(sealing.MemoryGuard)}
	f := newFile(t, g)
	initialise(t, f, "old")
	g.then = func() { store(t, f, "new") }
	wantContent(t, f, "new")
}

// Two enclaves follow the same version, on disks of their own or on one.
func TestAttackTwoSuccessors(t *testing.T) {
	ctx, g := t.Context(), new(sealing.MemoryGuard)
	a := newFile(t, g)
	initialise(t, a, "old")
	b := newFile(t, g)
	for name, blob := range files(t, a) {
		put(t, map[string][]byte{b.Path + name[len(a.Path):]: blob}) // the host has copied it
	}
	wantContent(t, b, "old")
	drafts := map[*sealing.File]*sealing.Draft{}
	for f, content := range map[*sealing.File]string{a: "new of a", b: "new of b"} {
		d, err := f.Create(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(d, content); err != nil {
			t.Fatal(err)
		}
		drafts[f] = d
	}
	if err := drafts[b].Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := drafts[a].Commit(ctx); !errors.Is(err, sealing.ErrConflict) {
		t.Errorf("both won: %v", err)
	}
	if len(files(t, a)) != 1 {
		t.Error("what lost is left behind")
	}
	wantContent(t, b, "new of b")
	wantError(t, a, sealing.ErrRolledBack)
	for name, blob := range files(t, b) {
		put(t, map[string][]byte{a.Path + name[len(b.Path):]: blob})
	}
	wantContent(t, a, "new of b")
}

// Of many that write at the same time, every one that was told so has won.
func TestWritersRace(t *testing.T) {
	g := new(sealing.MemoryGuard)
	f := newFile(t, g)
	initialise(t, f, "0")
	var won sync.Map
	var wg sync.WaitGroup
	for i := range 4 {
		own := *f
		wg.Go(func() {
			for j := range 25 {
				content := strings.Repeat("x", i*1000+j+1)
				err := own.Store(t.Context(), []byte(content))
				if err != nil && !errors.Is(err, sealing.ErrConflict) {
					t.Errorf("stored: %v", err)
				}
				if v, again := g.Current(t.Context(), f.Name); err == nil && again == nil {
					won.Store(content, v)
				}
				if _, err := own.Load(t.Context()); err != nil {
					t.Errorf("loaded: %v", err)
				}
			}
		})
	}
	wg.Wait()
	got, err := f.Load(t.Context())
	if _, ok := won.Load(string(got)); err != nil || !ok {
		t.Errorf("the last content is of nobody who won: %d bytes, %v", len(got), err)
	}
}

func TestUnusableFiles(t *testing.T) {
	sealer := sealing.New(newCPU(), sealing.ToSigner)
	path := filepath.Join(t.TempDir(), "secret")
	for name, f := range map[string]*sealing.File{
		"zero":                {},
		"no name":             {Path: path, Sealer: sealer},
		"no path":             {Name: "name", Sealer: sealer},
		"no Sealer":           {Path: path, Name: "name"},
		"no name, guarded":    {Path: path, Sealer: sealer, Guard: new(sealing.MemoryGuard)},
		"no such directory":   {Path: path + "/of/no", Name: "name", Sealer: sealer},
		"guarded, no entry":   {Path: path, Name: "name", Sealer: sealer, Guard: new(sealing.MemoryGuard)},
		"guarded, no Sealer":  {Path: path, Name: "name", Guard: new(sealing.MemoryGuard)},
		"guard does not work": {Path: path, Name: "name", Sealer: sealer, Guard: brokenGuard{}},
	} {
		if err := f.Store(t.Context(), []byte("secret")); err == nil {
			t.Errorf("%s: stored", name)
		}
		if got, err := f.Load(t.Context()); err == nil || got != nil {
			t.Errorf("%s: loaded", name)
		}
		if stale, err := f.Reseal(t.Context()); err == nil || stale {
			t.Errorf("%s: resealed", name)
		}
	}
	unguarded := &sealing.File{Path: path, Name: "name", Sealer: sealer}
	if err := unguarded.Init(t.Context(), nil); err == nil {
		t.Error("initialised without a guard")
	}
	if names, err := filepath.Glob(filepath.Dir(path) + "/*"); err != nil || len(names) > 0 {
		t.Errorf("left behind: %q, %v", names, err)
	}
}

type brokenGuard struct{}

func (brokenGuard) Current(context.Context, string) (sealing.Version, error) {
	return sealing.Version{}, errBroken
}

func (brokenGuard) Advance(context.Context, string, sealing.Version, sealing.Version) error {
	return errBroken
}

// Only names of a File's own making are ever removed.
func TestFileLeavesOthersAlone(t *testing.T) {
	f := newFile(t, new(sealing.MemoryGuard))
	others := map[string][]byte{}
	for _, suffix := range []string{"", ".", ".bak", ".draft-", ".draft-short", ".0123456789abcdef", ".0123456789abcdef0123456789abcdeX", "0.0123456789abcdef0123456789abcdef", ".0123456789abcdef0123456789abcdef"} {
		others[f.Path+suffix] = []byte("another's" + suffix)
	}
	put(t, others)
	initialise(t, f, "1")
	store(t, f, "2")
	store(t, f, "3")
	all := files(t, f)
	for name, b := range others {
		if !bytes.Equal(all[name], b) {
			t.Errorf("%s is gone", name)
		}
	}
}
