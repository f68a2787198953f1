// Package gramtest is Gramine's /dev/attestation for tests, over a simulated
// CPU. It behaves as Gramine's own pseudo-files: what is in a file is decided
// when it is opened, every write replaces all, shorter writes are padded with
// zeros, and there is one report data and one target for the whole process.
package gramtest

import (
	"sync"
	"syscall"

	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
)

// Quoting is the quoting enclave of the host's AESM service, as [sim.Machine]
// has it.
type Quoting interface {
	QuotingEnclave() sgx.TargetInfo
	Quote(sgx.Report) ([]byte, error)
}

// Tree is the system calls of a process in Gramine. Its fields are set before
// it is used. It may be used from many goroutines, who get each other's answers
// if they do not take turns.
type Tree struct {
	Enclave *sim.Enclave
	Quoting Quoting
	// Type is sgx.remote_attestation in the manifest, "dcap" or "none". If
	// empty, this is gramine-direct, which has no SGX.
	Type string
	// Mounted is what the manifest mounts over files of the directory, or over
	// the directory itself: the host decides what is in it.
	Mounted map[string][]byte

	mu     sync.Mutex
	data   [64]byte  // user_report_data
	target [512]byte // target_info
	open   map[int]*handle
	opened int
}

// handle is an open file.
type handle struct {
	node    *node
	content []byte
	at      int
	device  uint64
}

// node is a pseudo-file. One without load is empty, one without save cannot be
// written.
type node struct {
	directory bool
	load      func() ([]byte, syscall.Errno)
	save      func([]byte)
}

const (
	directory = "/dev/attestation"
	pseudo    = 1 // st_dev of the pseudo-filesystem
	elsewhere = 0x27d4eb2f165667c5
)

// nodes are the files there are, by name.
func (t *Tree) nodes() map[string]*node {
	all := map[string]*node{
		directory:           {directory: true},
		directory + "/keys": {directory: true},
	}
	if t.Type == "" {
		return all
	}
	all[directory+"/attestation_type"] = &node{load: func() ([]byte, syscall.Errno) { return []byte(t.Type), 0 }}
	all[directory+"/user_report_data"] = &node{save: func(b []byte) { replace(t.data[:], b) }}
	all[directory+"/target_info"] = &node{save: func(b []byte) { replace(t.target[:], b) }}
	all[directory+"/my_target_info"] = &node{load: t.ownTarget}
	all[directory+"/report"] = &node{load: t.report}
	all[directory+"/keys/_sgx_mrenclave"] = &node{load: t.key(sgx.PolicyMRENCLAVE)}
	all[directory+"/keys/_sgx_mrsigner"] = &node{load: t.key(sgx.PolicyMRSIGNER)}
	if t.Type != "none" {
		all[directory+"/quote"] = &node{load: t.quote}
	}
	return all
}

// replace is what a save does with a buffer of fixed size.
func replace(buffer, b []byte) {
	clear(buffer[copy(buffer, b):])
}

func (t *Tree) ownTarget() ([]byte, syscall.Errno) {
	body := t.Enclave.Body()
	target := body.Target()
	return target.Append(nil), 0
}

// report is EREPORT. A target of zeros is a question for the enclave's own,
// which takes its place.
func (t *Tree) report() ([]byte, syscall.Errno) {
	target, err := sgx.ParseTargetInfo(t.target[:])
	if err != nil {
		return nil, syscall.EACCES
	}
	report := t.Enclave.Report(target, t.data)
	if t.target == [512]byte{} {
		own, _ := t.ownTarget()
		replace(t.target[:], own)
	}
	return report.Append(nil), 0
}

// quote says EACCES whatever happens.
func (t *Tree) quote() ([]byte, syscall.Errno) {
	quote, err := t.Quoting.Quote(t.Enclave.Report(t.Quoting.QuotingEnclave(), t.data))
	if err != nil {
		return nil, syscall.EACCES
	}
	return quote, 0
}

// key is EGETKEY for the versions there are, with a zero key ID.
func (t *Tree) key(policy uint16) func() ([]byte, syscall.Errno) {
	return func() ([]byte, syscall.Errno) {
		body := t.Enclave.Body()
		key, err := t.Enclave.Key(sgx.KeyRequest{
			Name: sgx.KeySeal, Policy: policy, SVN: body.SVN, CPUSVN: body.CPUSVN,
			AttributeMask: sgx.SealAttributeMask, MiscMask: sgx.SealMiscMask,
		})
		if err != nil {
			return nil, syscall.EACCES
		}
		return key[:], 0
	}
}
