package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/sealing"
)

// A tour shows one scene after another. The first that does not go as it
// should ends it.
type tour struct {
	stage    stage
	out      io.Writer
	simulate bool
	config   string          // the trusted half's enclave.json
	expected attest.Identity // what owner and client know of the trusted half

	running *running
	before  string // what the service signed before it was restarted
}

func (t *tour) play(ctx context.Context) error {
	for i, scene := range []struct {
		title string
		play  func(context.Context) error
	}{
		{"The host launches the trusted half", t.launch},
		{"The owner attests it and gives it a secret, which it seals", t.provision},
		{"A client with a policy uses the service over attested HTTPS", t.use},
		{"The trusted half is restarted and opens its sealed secret", t.restart},
		{"Who should be refused is", t.refusals},
	} {
		fmt.Fprintf(t.out, "\n%d. %s\n", i+1, scene.title)
		if err := scene.play(ctx); err != nil {
			t.stop()
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	if err := t.stop(); err != nil {
		return err
	}
	fmt.Fprintln(t.out, "\nAll went as it should, refusals included.")
	return nil
}

func (t *tour) stop() error {
	if t.running == nil {
		return nil
	}
	err := stop(t.running.Instance)
	t.running = nil
	return err
}

func (t *tour) say(what, format string, args ...any) {
	fmt.Fprintf(t.out, "   %-14s%s\n", what, fmt.Sprintf(format, args...))
}

func (t *tour) launch(ctx context.Context) (err error) {
	if t.running, err = t.start(ctx, t.stage.blobs().load, false); err != nil {
		return err
	}
	if s := t.running.Simulator(); s != nil {
		t.expected = s.Identity
		t.say("machine", "simulated, %s", s.State)
	}
	t.describe(t.expected)
	t.say("address", "%s", t.running.address)
	return nil
}

func (t *tour) describe(id attest.Identity) {
	t.say("measurement", "%v", id.Measurement)
	t.say("signer", "%v", id.Signer)
	t.say("product", "%d, SVN %d", id.ProductID, id.SVN)
}

// provision pins the very build, which the owner has made himself.
func (t *tour) provision(ctx context.Context) error {
	owner := newClient(t.running.address, t.running.verifier(attest.Policy{Builds: []attest.Measurement{t.expected.Measurement}}))
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	switch err := owner.provision(ctx, secret); {
	case errors.Is(err, errHeld):
		t.say("secret", "held since an earlier run: the host kept it, sealed")
	case err != nil:
		return err
	default:
		t.say("secret", "32 bytes sent, sealed by the enclave to its signer, stored by the host")
	}
	return nil
}

// policy trusts a product, so that clients need not change with every build.
func (t *tour) policy() attest.Policy {
	return attest.Policy{Products: []attest.Product{attest.SignedBy(t.expected.Signer, t.expected.ProductID, t.expected.SVN)}}
}

func (t *tour) use(ctx context.Context) error {
	client := newClient(t.running.address, t.running.verifier(t.policy()))
	signature, by, err := client.sign(ctx, "hello")
	if err != nil {
		return err
	}
	t.before = signature
	t.describe(by.Identity)
	t.say("TCB", "%v", by.TCB.Status)
	t.say("root", "%x%s", by.Root, map[bool]string{false: ", NOT INTEL'S"}[by.IntelRoot()])
	t.say("signature", "%s", signature)
	return nil
}

func (t *tour) restart(ctx context.Context) (err error) {
	if err := t.stop(); err != nil {
		return err
	}
	if t.running, err = t.start(ctx, t.stage.blobs().load, true); err != nil {
		return err
	}
	client := newClient(t.running.address, t.running.verifier(t.policy()))
	signature, _, err := client.sign(ctx, "hello")
	if err != nil {
		return err
	}
	if signature != t.before {
		return errors.New("the restarted service has another secret")
	}
	t.say("signature", "the same as before, so the secret is")
	return t.refusesToStart(ctx, "flipped bit", t.stage.blobs().flipped, sealing.ErrOpen)
}

func (t *tour) refusals(ctx context.Context) error {
	stranger := t.policy()
	stranger.Products = []attest.Product{attest.SignedBy(attest.Signer{1}, t.expected.ProductID, t.expected.SVN)}
	if err := t.refusesToConnect(ctx, "other signer", t.running.verifier(stranger), attest.ErrPolicy); err != nil {
		return err
	}
	if t.simulate {
		intel := t.running.verifier(t.policy())
		intel.Root = nil
		if err := t.refusesToConnect(ctx, "Intel's root", intel, attest.ErrForged); err != nil {
			return err
		}
	}
	return t.refusesToStart(ctx, "garbage", garbage, ocall.ErrViolation)
}

// refusesToConnect has a client refuse the running trusted half.
func (t *tour) refusesToConnect(ctx context.Context, what string, v *attest.Verifier, want error) error {
	_, _, err := newClient(t.running.address, v).sign(ctx, "hello")
	if !errors.Is(err, want) {
		return fmt.Errorf("%s: not refused as %q, but: %v", what, want, err)
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err // without the address
	}
	t.say(what, "refused: %v", err)
	return nil
}

// refusesToStart has another trusted half refuse what its host loads for it.
func (t *tour) refusesToStart(ctx context.Context, what string, load loader, want error) error {
	running, err := t.start(ctx, load, true)
	if err == nil {
		stop(running.Instance)
	}
	var refused *refusal
	if !errors.As(err, &refused) || !strings.Contains(refused.stderr, want.Error()) {
		return fmt.Errorf("%s: not refused as %q, but: %v", what, want, err)
	}
	t.say(what, "refused: %s", refused.lastLine())
	return nil
}
