package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// Link returns the hash that chains the entry to the one before it, whose hash is before: nil at the beginning of the chain.
// It is SHA-256 over the hash before (32 zero bytes at the beginning), Seq, Version and At in microseconds since 1970 as
// 8 bytes each, Stream and Kind each after its length as 4 bytes, and Body; numbers are big-endian. Stores that compute it
// by themselves depend on this form: docs/upgrading.md.
func (e Entry) Link(before []byte) []byte {
	b := make([]byte, 0, sha256.Size+3*8+2*4+len(e.Stream)+len(e.Kind)+len(e.Body))
	b = append(b, before...)
	b = b[:sha256.Size] // zero where there is no hash before
	b = binary.BigEndian.AppendUint64(b, e.Seq)
	b = binary.BigEndian.AppendUint64(b, e.Version)
	b = binary.BigEndian.AppendUint64(b, uint64(e.At.UnixMicro()))
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Stream)))
	b = append(b, e.Stream...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Kind)))
	b = append(b, e.Kind...)
	hash := sha256.Sum256(append(b, e.Body...))
	return hash[:]
}

// Chain checks the hashes of a journal, entry by entry from its beginning. The zero Chain is before the first entry.
type Chain struct {
	last []byte // hash of the entry before; nil before the chain begins
}

// Check returns an error if the hash of the entry does not match its content and the entry before it. The chain continues with the
// stored hash, so that one change of the journal gives one error. Entries from before the chain have no hash and pass.
func (c *Chain) Check(e Entry) error {
	if e.Hash == nil && c.last == nil {
		return nil
	}
	want := e.Link(c.last)
	c.last = e.Hash
	switch {
	case e.Hash == nil:
		c.last = make([]byte, sha256.Size)
		return errors.New("the entry has no hash, and one before it has")
	case !bytes.Equal(e.Hash, want):
		return errors.New("the hash of the entry does not follow from the entry and the hash before it")
	}
	return nil
}
