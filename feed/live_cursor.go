package feed

import "agora/fault"

// LiveCursor is where a live stream of a user goes on: it has told the posts and deletions before Posts, and the user's own
// follows, blocks and mutes before Graph were in force. The zero LiveCursor begins a stream now.
type LiveCursor struct {
	Posts Vector
	Graph Position // in the partition of the user
}

// Live returns where a stream goes on after the first page of a walk. A later page may be used too: deletions that it knows of
// are then told again.
func (a AsOf) Live(shape Shape, user UserID) LiveCursor {
	return LiveCursor{Posts: a.Posts, Graph: a.Moment.Graph[shape.GraphOf(user)]}
}

// Encode returns the cursor as clients have it: the id of an event, and the live of a page. The zero LiveCursor is empty.
func (c LiveCursor) Encode() string {
	if c.Posts == nil {
		return ""
	}
	return encodeToken(appendVectors([]byte{liveForm}, c.Posts, Vector{c.Graph}))
}

// ParseLiveCursor reads what LiveCursor.Encode returned. Another epoch is ErrChanged.
func ParseLiveCursor(s string, shape Shape, epoch Epoch) (LiveCursor, error) {
	if s == "" {
		return LiveCursor{}, nil
	}
	b, err := decodeToken(s, liveForm)
	if err != nil {
		return LiveCursor{}, fault.ErrInvalid("live", "%v", err)
	}
	vectors, err := readVectors(b, epoch, shape.Posts, 1)
	if err != nil {
		return LiveCursor{}, tokenError("live", err)
	}
	return LiveCursor{Posts: vectors[0], Graph: vectors[1][0]}, nil
}
