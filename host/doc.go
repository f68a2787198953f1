// Package host is the untrusted half: it launches the trusted half, answers
// its ocalls, and gets it its quotes.
//
//	var mux ocall.Mux
//	calls.Load.Handle(&mux, store.Load)
//	inst, err := host.Launch(ctx, host.Config{
//		File:     "enclave.json",
//		Service:  calls.Service,
//		Calls:    &mux,
//		Simulate: *simulate,
//	})
//	…
//	err = inst.Wait()
//
// With SGX the trusted half runs under `ego run`, so EGo must be installed and
// the executable signed. With Simulate it runs as an ordinary process on a
// software CPU that answers the very calls EGo's runtime answers, so that the
// same binary attests itself, seals and makes ocalls on any Linux machine.
// It is there in the surroundings that EGo would give it: its environment, a
// file system with nothing but the files and mounts of enclave.json, no
// descriptors and no other processes. ENCLAVE_JSON.md, beside this file, has a
// table of EGo's whole configuration, and of what is not reproduced.
//
// Nothing here is trusted by the trusted half, and nothing of the simulator by
// a verifier that was not given its root: see [Simulator].
package host
