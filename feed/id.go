package feed

import (
	"bytes"
	"time"

	"agora/fault"
	"agora/ident"
)

// PostID is the identifier of a post in 16 bytes. It sorts by the time at which the post was made. The zero PostID is
// below every other one, and stands for no post.
type PostID [16]byte

// UserID is the identifier of a user in 16 bytes.
type UserID [16]byte

// NewPostID returns a new identifier, which sorts after those that were made in earlier milliseconds.
func NewPostID() PostID {
	id, err := ParsePostID(ident.New(ident.Post))
	if err != nil {
		panic("feed: " + err.Error()) // ident.New makes what ident.Pack accepts
	}
	return id
}

// ParsePostID reads an identifier such as pst_01jd8q6m3k9v2n4x7y5z8w1t0c.
func ParsePostID(s string) (id PostID, err error) {
	packed, err := ident.Pack(ident.Post, s)
	copy(id[:], packed)
	return id, err
}

// ParseUserID reads an identifier such as usr_01jd8q6m3k9v2n4x7y5z8w1t0c.
func ParseUserID(s string) (id UserID, err error) {
	packed, err := ident.Pack(ident.User, s)
	copy(id[:], packed)
	return id, err
}

// String returns the identifier as it is written.
func (id PostID) String() string { return unpack(ident.Post, id[:]) }

// String returns the identifier as it is written.
func (id UserID) String() string { return unpack(ident.User, id[:]) }

func unpack(prefix string, packed []byte) string {
	s, err := ident.Unpack(prefix, packed)
	if err != nil {
		panic("feed: " + err.Error()) // Unpack fails on another length only
	}
	return s
}

// Compare returns -1, 0 or 1 as id sorts before, with or after other.
func (id PostID) Compare(other PostID) int { return bytes.Compare(id[:], other[:]) }

// Compare returns -1, 0 or 1 as id sorts before, with or after other.
func (id UserID) Compare(other UserID) int { return bytes.Compare(id[:], other[:]) }

// Next returns the identifier that follows, or the zero UserID after the last one.
func (id UserID) Next() UserID {
	increment(id[:])
	return id
}

// increment adds 1 to a big-endian number, of which the largest becomes 0.
func increment(number []byte) {
	for i := len(number) - 1; i >= 0; i-- {
		if number[i]++; number[i] != 0 {
			return
		}
	}
}

// Made returns when the identifier says that the post was made: the clock of the server that took it, in milliseconds.
func (id PostID) Made() time.Time {
	var ms int64
	for _, b := range id[:6] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms).UTC()
}

// lastPostID is not below any identifier.
var lastPostID = PostID{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}

// MarshalText implements encoding.TextMarshaler.
func (id PostID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *PostID) UnmarshalText(text []byte) (err error) {
	*id, err = ParsePostID(string(text))
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (id UserID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *UserID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseUserID(string(text))
	return err
}

// ErrNoPost returns the error of a post that does not exist, or that the reader may not know of.
func ErrNoPost(id PostID) error { return fault.ErrNotFound("post", id.String()) }
