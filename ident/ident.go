// Package ident makes and checks identifiers, and maps keys to partitions.
//
// An identifier is a prefix that names the kind of thing and a ULID (https://github.com/ulid/spec) in
// lower case, such as ord_01jd8q6m3k9v2n4x7y5z8w1t0c: 128 bits, sortable by time of creation, safe in a
// URL. It can be guessed in part, and so is no credential: package accounts makes tokens.
package ident

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/oklog/ulid/v2"
)

// The prefixes of everything that has an identifier.
const (
	Product = "prd"
	Order   = "ord"
	User    = "usr"
	Session = "ses"
	Event   = "evt"
	Review  = "rev"
	Refund  = "ref"
	Request = "req"
	Post    = "pst"
)

// New returns a new identifier. Identifiers made in later milliseconds sort after earlier ones.
func New(prefix string) string { return At(prefix, time.Now(), rand.Reader) }

// At returns the identifier for a time and a source of 80 random bits: the same source gives the same
// identifiers, which is what generated data needs. It panics if the source fails, as crypto/rand does.
func At(prefix string, t time.Time, entropy io.Reader) string {
	id, err := ulid.New(ulid.Timestamp(t), entropy)
	if err != nil {
		panic("ident: " + err.Error())
	}
	return prefix + "_" + strings.ToLower(id.String())
}

// Check reports why s is not an identifier with the prefix, or nil. It accepts exactly what New and At return.
func Check(prefix, s string) error {
	body, ok := strings.CutPrefix(s, prefix+"_")
	if !ok {
		return fmt.Errorf("is not an identifier that begins with %s_", prefix)
	}
	if body != strings.ToLower(body) {
		return errors.New("is not in lower case")
	}
	if _, err := ulid.ParseStrict(body); err != nil {
		return fmt.Errorf("is not an identifier: the part after %s_ has to be 26 characters of base 32", prefix)
	}
	return nil
}

// Pack returns the 16 bytes that an identifier with the prefix stands for: little more than half of its text,
// for tables and indexes of millions of rows. They sort as the identifiers do. It fails as Check does.
func Pack(prefix, s string) ([]byte, error) {
	if err := Check(prefix, s); err != nil {
		return nil, err
	}
	id, err := ulid.ParseStrict(s[len(prefix)+1:])
	return id[:], err
}

// Unpack returns the identifier that Pack made the bytes of.
func Unpack(prefix string, packed []byte) (string, error) {
	text, err := appendText(make([]byte, 0, len(prefix)+1+ulid.EncodedSize), prefix, packed)
	return string(text), err
}

// appendText appends the identifier that Pack made the bytes of.
func appendText(to []byte, prefix string, packed []byte) ([]byte, error) {
	var id ulid.ULID
	if err := id.UnmarshalBinary(packed); err != nil {
		return to, fmt.Errorf("a packed identifier of %d bytes: %w", len(packed), err)
	}
	to = append(append(to, prefix...), '_')
	begin := len(to)
	to = append(to, make([]byte, ulid.EncodedSize)...)
	if err := id.MarshalTextTo(to[begin:]); err != nil {
		return to, err
	}
	for i, c := range to[begin:] {
		if c >= 'A' {
			to[begin+i] = c + 'a' - 'A'
		}
	}
	return to, nil
}

// Partition maps a key to one of n partitions by xxHash64. It is the one function that the log, timelines
// and posts are partitioned with, so that what belongs together meets on the same partition.
// n must be positive.
func Partition(key string, n int) int {
	return int(xxhash.Sum64String(key) % uint64(n))
}

// PartitionPacked returns what Partition returns for the identifier that Pack made the bytes of.
func PartitionPacked(prefix string, packed []byte, n int) (int, error) {
	var buffer [32]byte
	text, err := appendText(buffer[:0], prefix, packed)
	return int(xxhash.Sum64(text) % uint64(n)), err
}
