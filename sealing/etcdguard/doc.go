// Package etcdguard remembers in etcd which version of a sealed file is the
// latest, so that the host cannot bring back an older one.
//
//	guard, err := etcdguard.New(etcdguard.Config{
//		Endpoints: []string{"https://etcd-0.example.org:2379", "https://etcd-1.example.org:2379", "https://etcd-2.example.org:2379"},
//		TLS:       &tls.Config{RootCAs: pinned, Certificates: []tls.Certificate{own}},
//	})
//	file := &sealing.File{Path: path, Name: "database key", Sealer: sealer, Guard: guard}
//
// # What is promised
//
// As long as etcd keeps its promise (what a quorum has acknowledged is not
// forgotten, reads are linearizable), no version of a file opens but the latest
// that was acknowledged, and of two writers that follow the same version one
// wins.
//
// It is etcd's promise that counts, and it is only as good as where etcd runs.
// An etcd whose members all run on the attacker's host, or on disks that the
// attacker can bring back to an older state, protects nothing: the attacker
// restores the members together with the file. A quorum of the members must be
// out of the reach of who is to be kept from rolling back: on machines of
// others, or in enclaves whose state is protected in another way. Restoring
// etcd from a backup rolls back every name in it.
//
// Whoever may write to the keys can also roll back, and etcd's administrators
// may. Have etcd require client certificates and authorise by them, and give
// every enclave a prefix of its own.
//
// # The channel
//
// The host is between the enclave and etcd. It must not be able to answer in
// etcd's place, so the root certificates are those that Config.TLS has: take
// them from measured input, such as Go's embed or a file in enclave.json, never
// from the environment, the host's disk or an ocall. The system's roots, which
// inside an enclave are the host's, are never used. The private key of the client
// certificate is a secret: seal it, or have it given to the enclave over an
// attested connection. If an older one is brought back, that does no harm as
// long as etcd has not been told to refuse it.
//
// The host can cut the connection: then nothing opens.
package etcdguard
