package httpapi

import (
	"bytes"
	"io"
	"testing"
)

// FuzzExpand checks that the content of a body never exceeds the limit.
func FuzzExpand(f *testing.F) {
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xca\x48\xcd\xc9\xc9\x07\x04\x00\x00\xff\xff\x86\xa6\x10\x36\x05\x00\x00\x00"))
	f.Add([]byte("\x28\xb5\x2f\xfd\x00\x58\x29\x00\x00hello"))
	f.Add([]byte("\x28\xb5\x2f\xfd\x00\x58\x03\x00\x40x")) // one byte, 2^19 times
	f.Add([]byte("no frame"))
	f.Fuzz(func(t *testing.T, body []byte) {
		const limit = 100
		for _, coding := range codings {
			content, release, err := expand(coding, bytes.NewReader(body), limit)
			if err == nil {
				var all []byte
				if all, err = io.ReadAll(content); len(all) > limit {
					t.Errorf("%s: %d bytes of %q", coding, len(all), body)
				}
			}
			if release != nil {
				release()
			}
			if err == nil && len(body) == 0 {
				t.Errorf("%s: a body of nothing is complete", coding)
			}
		}
	})
}
