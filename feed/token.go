package feed

import (
	"encoding/base64"
	"encoding/binary"
	"errors"

	"agora/fault"
)

// CodeChanged is the code of a cursor or position of a log that was replaced: the walk has to begin anew.
const CodeChanged = "feed_changed"

// ErrChanged returns the error of a cursor or position of another epoch of the log.
func ErrChanged() error {
	return fault.New(fault.Gone, CodeChanged, "the feed began anew since: read it from the beginning")
}

// Tokens are what clients get to see of positions: cursors, as_of and SSE ids. Each begins with a byte that says its
// form, and holds the epoch once and the offsets as varints. The forms are pinned by golden tests.
const (
	cursorForm byte = 1
	reachForm  byte = 2
	asOfForm   byte = 3
	liveForm   byte = 4
)

var errToken = errors.New("is not a token of this feed")

// Encode returns the cursor as clients have it. The zero Cursor is empty.
func (c Cursor) Encode() string {
	if c.Posts == nil {
		return ""
	}
	b := append([]byte{cursorForm}, c.Before[:]...)
	return encodeToken(appendVectors(b, c.Posts))
}

// ParseCursor reads a cursor of this shape and epoch. Another epoch is ErrChanged.
func ParseCursor(s string, shape Shape, epoch Epoch) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	b, err := decodeToken(s, cursorForm)
	if err != nil || len(b) < len(PostID{}) {
		return Cursor{}, fault.ErrInvalid("cursor", "%v", errToken)
	}
	var c Cursor
	n := copy(c.Before[:], b)
	vectors, err := readVectors(b[n:], epoch, shape.Posts)
	if err != nil {
		return Cursor{}, tokenError("cursor", err)
	}
	c.Posts = vectors[0]
	return c, nil
}

// Encode returns the reach as clients have it, such as the value of Agora-As-Of.
func (r Reach) Encode() string {
	return encodeToken(appendVectors([]byte{reachForm}, r.Posts, r.Graph))
}

// ParseReach reads what Reach.Encode returned, from the field of a request. Another epoch is ErrChanged.
func ParseReach(field, s string, shape Shape, epoch Epoch) (Reach, error) {
	b, err := decodeToken(s, reachForm)
	if err != nil {
		return Reach{}, tokenError(field, err)
	}
	vectors, err := readVectors(b, epoch, shape.Posts, shape.Graph)
	if err != nil {
		return Reach{}, tokenError(field, err)
	}
	return Reach{Posts: vectors[0], Graph: vectors[1]}, nil
}

// ParseAfter reads the after of a request: what a write answered, or the as_of of a page. Another epoch is ErrChanged.
func ParseAfter(s string, shape Shape, epoch Epoch) (Reach, error) {
	if b, err := base64.RawURLEncoding.DecodeString(s); err == nil && len(b) > 0 && b[0] == asOfForm {
		asOf, err := ParseAsOf(s, shape, epoch)
		return asOf.Moment, err
	}
	return ParseReach("after", s, shape, epoch)
}

// Encode returns the moment of a page as clients and verify have it.
func (a AsOf) Encode() string {
	return encodeToken(appendVectors([]byte{asOfForm}, a.Posts, a.Moment.Posts, a.Moment.Graph))
}

// ParseAsOf reads what AsOf.Encode returned.
func ParseAsOf(s string, shape Shape, epoch Epoch) (AsOf, error) {
	b, err := decodeToken(s, asOfForm)
	if err != nil {
		return AsOf{}, tokenError("as_of", err)
	}
	vectors, err := readVectors(b, epoch, shape.Posts, shape.Posts, shape.Graph)
	if err != nil {
		return AsOf{}, tokenError("as_of", err)
	}
	return AsOf{Posts: vectors[0], Moment: Reach{Posts: vectors[1], Graph: vectors[2]}}, nil
}

func tokenError(field string, err error) error {
	if fault.CodeOf(err) == CodeChanged {
		return err
	}
	return fault.ErrInvalid(field, "%v", errToken)
}

func encodeToken(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decodeToken(s string, form byte) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) == 0 || b[0] != form {
		return nil, errToken
	}
	return b[1:], nil
}

// appendVectors appends the epoch and the offsets of vectors. All positions of a server's vectors are of one epoch.
func appendVectors(to []byte, vectors ...Vector) []byte {
	to = binary.AppendUvarint(to, uint64(vectors[0][0].Epoch()))
	for _, v := range vectors {
		for _, at := range v {
			to = binary.AppendUvarint(to, uint64(at.Offset()))
		}
	}
	return to
}

func readVectors(b []byte, epoch Epoch, sizes ...int) ([]Vector, error) {
	of, n := binary.Uvarint(b)
	if n <= 0 || of > maxEpoch {
		return nil, errToken
	}
	if of != uint64(epoch) {
		return nil, ErrChanged()
	}
	b = b[n:]
	vectors := make([]Vector, len(sizes))
	for i, size := range sizes {
		vectors[i] = make(Vector, size)
		for p := range size {
			offset, n := binary.Uvarint(b)
			if n <= 0 || offset > maxOffset {
				return nil, errToken
			}
			vectors[i][p], b = At(epoch, int64(offset)), b[n:]
		}
	}
	if len(b) > 0 {
		return nil, errToken
	}
	return vectors, nil
}
