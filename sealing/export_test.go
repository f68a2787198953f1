package sealing

// Reencode parses blob and writes it again, without opening it.
func Reencode(blob []byte) ([]byte, error) {
	h, mac, err := parseLead(blob)
	if err != nil {
		return nil, err
	}
	return append((&sealed{header: h, mac: mac}).lead(), blob[leadSize:]...), nil
}

// SealLike seals plaintext as Seal does, with the header of blob in place of a
// random one.
func SealLike(key [16]byte, blob, plaintext, additional []byte) ([]byte, error) {
	h, _, err := parseLead(blob)
	if err != nil {
		return nil, err
	}
	k, err := derive(key, h)
	if err != nil {
		return nil, err
	}
	b := &sealed{header: h, mac: k.sign(h, additional), secrets: k}
	return b.whole(plaintext), nil
}

// A Disk is what a File is on.
type (
	Disk     = disk
	DiskFile = diskFile
)

// System is the operating system's.
var System Disk = system{}

// On has f use another disk.
func (f *File) On(d Disk) *File {
	f.disk = d
	return f
}

// Skip has w go on as if so many chunks had been written, and r as if read.
func (w *Writer) Skip(chunks uint64) { w.next = chunks }
func (r *Reader) Skip(chunks uint64) { r.next = chunks }

// Relay and Batch are how streams use the cores.
var Relay = relay

const Batch = batch
