package detect_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/platform/detect"
	"github.com/cleave-sdk/cleave/internal/platform/gramine"
	"github.com/cleave-sdk/cleave/internal/platform/gramine/gramtest"
	"github.com/cleave-sdk/cleave/internal/platform/occlum"
	"github.com/cleave-sdk/cleave/internal/platform/occlum/occlumtest"
	"github.com/cleave-sdk/cleave/internal/sim"
)

type opener func() (platform.Platform, error)

// named is a platform of which only the name matters.
type named struct {
	platform.Platform
	name string
}

func (n named) Name() string { return n.name }

func found(name string) opener {
	return func() (platform.Platform, error) { return named{name: name}, nil }
}

func failed(err error) opener {
	return func() (platform.Platform, error) { return nil, err }
}

var absent = failed(platform.ErrAbsent)

func TestOrder(t *testing.T) {
	broken := failed(errors.New("broken"))
	unsupported := failed(syscall.EPERM)
	for name, row := range map[string]struct {
		inside               bool // OE_IS_ENCLAVE=1
		ego, gramine, occlum opener
		want                 string // a name, or what the error says
		absent               bool
	}{
		"EGo":                           {false, found("EGo"), nil, nil, "EGo", false},
		"EGo, and it says so":           {true, found("EGo"), nil, nil, "EGo", false},
		"Gramine":                       {false, absent, found("Gramine"), nil, "Gramine", false},
		"Occlum":                        {false, absent, absent, found("Occlum"), "Occlum", false},
		"none":                          {false, absent, absent, absent, "not running on it", true},
		"EGo fails":                     {false, broken, nil, nil, "broken", false},
		"EGo fails, and offers files":   {false, unsupported, found("Gramine"), found("Occlum"), "not permitted", false},
		"EGo is silent":                 {true, absent, nil, nil, "OE_IS_ENCLAVE", false},
		"EGo is silent, and with files": {true, absent, found("Gramine"), found("Occlum"), "OE_IS_ENCLAVE", false},
		"Gramine fails":                 {false, absent, broken, nil, "broken", false},
		"Gramine fails, with a device":  {false, absent, broken, found("Occlum"), "broken", false},
		"Occlum fails":                  {false, absent, absent, broken, "broken", false},
		"both":                          {false, absent, found("Gramine"), found("Occlum"), "Gramine", false},
		"both, outside":                 {true, absent, absent, absent, "OE_IS_ENCLAVE", false},
	} {
		p, err := detect.Ways{InOpenEnclave: row.inside, EGo: row.ego, Gramine: row.gramine, Occlum: row.occlum}.Open()
		switch {
		case err == nil:
			if p == nil || p.Name() != row.want {
				t.Errorf("%s: %v", name, p)
			}
		case p != nil || !strings.Contains(err.Error(), row.want) || errors.Is(err, platform.ErrAbsent) != row.absent:
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}

// hostfs offers a directory of the host's as /dev/attestation, as a mount under
// EGo or in Gramine would.
type hostfs struct{ root string }

func (h hostfs) Open(name string, flags int) (int, error) {
	return syscall.Open(filepath.Join(h.root, name), flags, 0)
}

func (hostfs) Device(fd int) (uint64, error) {
	var stat syscall.Stat_t
	err := syscall.Fstat(fd, &stat)
	return uint64(stat.Dev), err
}

func (hostfs) Read(fd int, b []byte) (int, error)  { return syscall.Read(fd, b) }
func (hostfs) Write(fd int, b []byte) (int, error) { return syscall.Write(fd, b) }
func (hostfs) Close(fd int) error                  { return syscall.Close(fd) }

// offered is what such a host makes: every file that Gramine has, with
// reports and keys of an enclave that it made up.
func offered(t *testing.T) hostfs {
	t.Helper()
	m, err := sim.New()
	if err != nil {
		t.Fatal(err)
	}
	genuine := &gramtest.Tree{Enclave: m.Enclave(sim.Identity{MRENCLAVE: [32]byte{1}, MRSIGNER: [32]byte{2}}), Quoting: m, Type: "dcap"}
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "dev/attestation/keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"attestation_type", "user_report_data", "target_info", "my_target_info", "report", "quote", "keys/_sgx_mrenclave", "keys/_sgx_mrsigner"} {
		name = "/dev/attestation/" + name
		fd, err := genuine.Open(name, syscall.O_RDONLY)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 16<<10)
		n, err := genuine.Read(fd, b)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), b[:n], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return hostfs{root}
}

// The host makes EGo's calls fail, in every way it could if it could, and
// offers a directory that looks like Gramine's.
func TestHostOffersGramine(t *testing.T) {
	files := offered(t)
	fromFiles := func() (platform.Platform, error) {
		p, err := gramine.OpenWith(files)
		if err != nil {
			return nil, err
		}
		return p, nil
	}
	for name, row := range map[string]struct {
		inside bool
		ego    opener
		says   string
	}{
		"EGo's calls are forbidden":      {true, failed(syscall.EPERM), "not permitted"},
		"EGo's calls fail":               {true, failed(errors.New("ego: runtime call 1009: OE_UNEXPECTED")), "OE_UNEXPECTED"},
		"EGo's calls are not known":      {true, absent, "OE_IS_ENCLAVE"},
		"and the variable is missing":    {false, absent, "not in Gramine's pseudo-filesystem"},
		"EGo fails without the variable": {false, failed(syscall.EIO), "input/output"},
	} {
		p, err := detect.Ways{InOpenEnclave: row.inside, EGo: row.ego, Gramine: fromFiles, Occlum: absent}.Open()
		if p != nil || err == nil || errors.Is(err, platform.ErrAbsent) || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}

// What answers like Gramine and Occlum is found, by way of the real probes.
func TestProbes(t *testing.T) {
	m, err := sim.New()
	if err != nil {
		t.Fatal(err)
	}
	e := m.Enclave(sim.Identity{MRENCLAVE: [32]byte{1}, MRSIGNER: [32]byte{2}})
	device := &occlumtest.Device{Enclave: e, Quoting: m}
	inGramine := func() (platform.Platform, error) {
		return gramine.OpenWith(&gramtest.Tree{Enclave: e, Quoting: m, Type: "dcap"})
	}
	inOcclum := func() (platform.Platform, error) {
		return occlum.OpenWith(func(number uintptr, argument unsafe.Pointer) syscall.Errno {
			return device.Ioctl(number, argument)
		})
	}
	for want, w := range map[string]detect.Ways{
		"Gramine": {EGo: absent, Gramine: inGramine, Occlum: inOcclum},
		"Occlum":  {EGo: absent, Gramine: absent, Occlum: inOcclum},
	} {
		if p, err := w.Open(); err != nil || p.Name() != want {
			t.Errorf("%s: %v, %v", want, p, err)
		}
	}
}

// Here there is none of them.
func TestOutside(t *testing.T) {
	p, err := detect.Open()
	if err == nil {
		t.Skip("this is " + p.Name())
	}
	if !errors.Is(err, platform.ErrAbsent) || p != nil {
		t.Errorf("%v, %v", p, err)
	}
	t.Setenv("OE_IS_ENCLAVE", "1")
	if p, err := detect.Open(); p != nil || err == nil || errors.Is(err, platform.ErrAbsent) {
		t.Errorf("with the variable: %v, %v", p, err)
	}
}
