package usual

import "crypto/rand"

// draftOf is the name of a file that will become name. It is no name of a blob,
// and drafts that a crash has left show what they were for.
func draftOf(name string) string {
	const most = 64 // of name: file names have at most 255 bytes
	return ".draft-" + rand.Text() + "-" + name[:min(len(name), most)]
}
