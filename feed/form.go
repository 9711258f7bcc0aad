package feed

import "sync/atomic"

// Form is what a server sends of a post, encoded, so that it is made once for all readers. It is safe for concurrent use. A nil
// Form keeps nothing.
type Form struct{ encoded atomic.Pointer[[]byte] }

// Encoded returns what Keep has kept, or nil.
func (f *Form) Encoded() []byte {
	if f == nil {
		return nil
	}
	if encoded := f.encoded.Load(); encoded != nil {
		return *encoded
	}
	return nil
}

// Keep keeps the encoded form of the post, which nobody changes any more.
func (f *Form) Keep(encoded []byte) {
	if f != nil {
		f.encoded.Store(&encoded)
	}
}
