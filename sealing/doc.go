// Package sealing keeps secrets on a disk the enclave does not trust: the host
// cannot read, forge or swap them, nor, with a [Guard], bring back older ones.
//
//	sealer := sealing.New(platform, sealing.ToSigner)
//	file := &sealing.File{Path: "/data/database.key", Name: "database key", Sealer: sealer, Guard: guard}
//	err := file.Store(ctx, key)
//	key, err := file.Load(ctx)
//
// [Sealer.Seal] and [Sealer.Open] are for blobs that are kept elsewhere,
// [Sealer.NewWriter] and [Sealer.NewReader] for streams of any size, and
// [Sealer.NewReaderAt] for a blob that is read from anywhere. All make and read
// the same format, which FORMAT.md describes; once released, it stays readable.
//
// # Who can open
//
// A blob is encrypted under a key that only the CPU, and only for the right
// enclave, gives out: the same enclave ([ToEnclave]), or any enclave of the
// same signer and product ([ToSigner]), which survives an upgrade of the
// program. With the machine, or its microcode's version, the key is lost: keep
// what must not be lost in a second place.
//
// The blob never chooses its own key. Binding and source are the [Sealer]'s,
// and what a blob must state, the versions of the enclave and of the CPU it was
// sealed on, are checked against the running ones and the Sealer's floors before
// any key is asked for.
//
// What holds the keys can forge. An older build of the same signer and product
// can make every blob of its own security version and below. When a build turns
// out to be broken, raise the security version of the next, seal everything
// anew by [File.Reseal] or [Sealer.Reseal], and set [Sealer.MinSVN] to it.
//
// # Rollback
//
// Sealing alone cannot tell an old blob from a new one: the host may bring back
// any that was sealed under the same binding and additional data, or say that
// there never was one. What can is a [Guard], which remembers outside the machine
// which version is the latest. A [File] with a Guard makes the new version
// durable, has the Guard advance from the old version to it, and only then
// returns and removes the old one. It opens the version that the Guard knows or
// else, if that is not there, one that says it directly follows it, once the
// Guard has advanced to that. Of two that follow the same version, one wins.
//
// That holds as far as the Guard's own memory cannot be brought back to an older
// state. One whose every copy is on the attacker's host protects nothing.
// Package etcdguard, a module of its own, has a Guard that is kept in etcd.
//
// # Limits
//
// The strength is that of the CPU's keys, 128 bits, although the cipher's keys
// have 256. How much was sealed, when, and how often, is there to see. Nothing
// opens or is sealed with GODEBUG=fips140=only: that mode allows AES-GCM only
// with nonces that it draws itself, where here they are the numbers of the
// chunks, which is what keeps chunks in their places. The key is another for
// every blob, so that no nonce is used twice.
package sealing
