package analytics

import "math/bits"

// Key is the secret of an event log: what follows from identifiers of events and people is a keyed hash of them. Write keys
// are public in browsers; without the secret nobody can make two identifiers that collide, nor fill one place of a table. It
// never changes for a log.
type Key [16]byte

// The hash is SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012), with the rounds that the
// hash tables of Rust and Python have.
type sip struct{ v0, v1, v2, v3 uint64 }

func (k *Key) sip() sip {
	k0, k1 := little.Uint64(k[:8]), little.Uint64(k[8:])
	return sip{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573}
}

func (s *sip) round() {
	s.v0 += s.v1
	s.v2 += s.v3
	s.v1 = bits.RotateLeft64(s.v1, 13) ^ s.v0
	s.v3 = bits.RotateLeft64(s.v3, 16) ^ s.v2
	s.v0 = bits.RotateLeft64(s.v0, 32)
	s.v2 += s.v1
	s.v0 += s.v3
	s.v1 = bits.RotateLeft64(s.v1, 17) ^ s.v2
	s.v3 = bits.RotateLeft64(s.v3, 21) ^ s.v0
	s.v2 = bits.RotateLeft64(s.v2, 32)
}

// sum returns the hash of what s has, and then data.
func (s sip) sum(data []byte) uint64 {
	last := uint64(len(data)) << 56
	for ; len(data) >= 8; data = data[8:] {
		word := little.Uint64(data)
		s.v3 ^= word
		s.round()
		s.v0 ^= word
	}
	for i, c := range data {
		last |= uint64(c) << (8 * i)
	}
	s.v3 ^= last
	s.round()
	s.v0 ^= last
	s.v2 ^= 0xff
	s.round()
	s.round()
	s.round()
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3
}

// What a hash is of, so that one text gives different hashes for different purposes.
const (
	ofSource = 1 + iota
	ofUser
	ofAnonymous
	ofUserCheck
	ofAnonymousCheck
)

// of returns the hash of a purpose and a text.
func (k *Key) of(purpose uint64, text []byte) uint64 {
	s := k.sip()
	s.v3 ^= purpose
	s.round()
	s.v0 ^= purpose
	return s.sum(text)
}

// ids returns what hashes the message ids of a source: the identifier of the source is hashed once.
func (k *Key) ids(source SourceID) sip {
	number := k.of(ofSource, []byte(source))
	s := k.sip()
	s.v3 ^= number
	s.round()
	s.v0 ^= number
	return s
}

// Fingerprint returns the 64 bits that stand for a message id of a source, and that decide of its partition.
func (k *Key) Fingerprint(source SourceID, id string) uint64 {
	return k.ids(source).sum([]byte(id))
}

// PartitionOf returns which of n partitions an event with the fingerprint goes to. The table of ids takes its places from
// the upper half of the bits, so that the partition takes the lower.
func PartitionOf(fingerprint uint64, n int) int {
	return int(uint64(uint32(fingerprint)) * uint64(n) >> 32)
}

// User returns the subject that stands for a user's identifier.
func (k *Key) User(id string) Subject { return k.user([]byte(id)) }

// Anonymous returns the subject that stands for the identifier of an anonymous visitor.
func (k *Key) Anonymous(id string) Subject { return k.anonymous([]byte(id)) }

func (k *Key) user(id []byte) Subject { return Subject{k.of(ofUser, id), k.of(ofUserCheck, id)} }

func (k *Key) anonymous(id []byte) Subject {
	return Subject{k.of(ofAnonymous, id), k.of(ofAnonymousCheck, id)}
}
