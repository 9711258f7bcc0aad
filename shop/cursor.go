package shop

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"

	"github.com/cespare/xxhash/v2"

	"agora/fault"
)

// A cursor is the base64url encoding of four bytes of scope and a JSON document. The scope is a hash of the listed query,
// so that another list or search refuses the cursor instead of returning a wrong page. A cursor needs no signature: a forged
// one only selects a page of a list that the caller may read anyway.
const (
	maxCursor   = 512 // characters
	scopeLength = 4
)

const (
	defaultPage = 20
	maxPage     = 100
)

// encodeCursor returns the cursor of a position in the list that scope names.
func encodeCursor(scope string, position any) string {
	encoded, err := json.Marshal(position)
	if err != nil {
		panic("shop: cannot encode a cursor: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(append(scopeHash(scope), encoded...))
}

// decodeCursor decodes a cursor of the list that scope names into position, which must point to a struct. It returns false
// for the empty cursor, which is the beginning of the list. It fails with fault.Invalid for a cursor of another list and for
// malformed ones. The caller has to check the values of the position.
func decodeCursor(scope, cursor string, position any) (bool, error) {
	if cursor == "" {
		return false, nil
	}
	if len(cursor) > maxCursor {
		return false, fault.ErrInvalid("cursor", "is longer than %d characters", maxCursor)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) < scopeLength {
		return false, fault.ErrInvalid("cursor", "is not a cursor of this service")
	}
	if !bytes.Equal(raw[:scopeLength], scopeHash(scope)) {
		return false, fault.ErrInvalid("cursor", "belongs to another list: a cursor is only valid for the query that returned it")
	}
	dec := json.NewDecoder(bytes.NewReader(raw[scopeLength:]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(position); err != nil || dec.More() {
		return false, fault.ErrInvalid("cursor", "is not a cursor of this service")
	}
	return true, nil
}

func scopeHash(scope string) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(xxhash.Sum64String(scope)))
}

// pageSize returns how many items a page may have: 20 by default, at most 100.
func pageSize(limit int) (int, error) {
	switch {
	case limit < 0 || limit > maxPage:
		return 0, fault.ErrInvalid("limit", "is not between 1 and %d", maxPage)
	case limit == 0:
		return defaultPage, nil
	}
	return limit, nil
}
