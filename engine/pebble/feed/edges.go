package feed

import (
	"cmp"
	"encoding/binary"
	"slices"

	"agora/engine/pebble"
	"agora/feed"
)

// edge is the state of an edge in a row of the user at its one end. The other end is an ordinal.
type edge struct {
	kind  feed.EdgeKind
	other uint32
	on    bool
	since feed.Position
}

// compare orders edges by kind and other end.
func (e edge) compare(other edge) int {
	return cmp.Or(cmp.Compare(e.kind, other.kind), cmp.Compare(e.other, other.other))
}

// edges are sorted by kind and other end.
type edges []edge

func (e edges) find(kind feed.EdgeKind, other uint32) (int, bool) {
	return slices.BinarySearchFunc(e, edge{kind: kind, other: other}, edge.compare)
}

// set stores a state of an edge, unless a later one is there, and reports whether it did.
func (e *edges) set(state edge) bool {
	i, ok := e.find(state.kind, state.other)
	if !ok {
		*e = slices.Insert(*e, i, state)
		return true
	}
	if (*e)[i].since >= state.since {
		return false
	}
	(*e)[i] = state
	return true
}

// setVersion is the first byte of packed edges and packed sets; another layout takes another number.
const setVersion = 1

// appendEdges encodes edges: version, and for each edge its kind and state, the difference of its other end from the edge
// before, if that has the same kind, and the difference of its position.
func appendEdges(to []byte, list edges) []byte {
	to = append(to, setVersion)
	var before edge
	for _, e := range list {
		flags := byte(e.kind) << 1
		if e.on {
			flags |= 1
		}
		if e.kind != before.kind {
			before.other = 0
		}
		to = append(to, flags)
		to = binary.AppendUvarint(to, uint64(e.other-before.other))
		to = binary.AppendVarint(to, int64(e.since-before.since))
		before = e
	}
	return to
}

// decodeEdges is the inverse of appendEdges.
func decodeEdges(data []byte) (edges, error) {
	if len(data) == 0 {
		return nil, nil
	}
	d := pebble.Decoder{Rest: data[1:]}
	list := make(edges, 0, len(d.Rest)/7)
	var before edge
	for len(d.Rest) > 0 {
		flags := d.Bytes(1)[0]
		e := edge{kind: feed.EdgeKind(flags >> 1), on: flags&1 == 1}
		if e.kind != before.kind {
			before.other = 0
		}
		e.other = before.other + uint32(d.Uvarint())
		e.since = before.since + feed.Position(d.Varint())
		list = append(list, e)
		before = e
	}
	if d.Failed || data[0] != setVersion {
		return nil, errDamaged
	}
	return list, nil
}

// appendSet encodes ordinals, which are sorted: version, and the difference of each from the one before.
func appendSet(to []byte, set []uint32) []byte {
	to = append(to, setVersion)
	var before uint32
	for _, n := range set {
		to = binary.AppendUvarint(to, uint64(n-before))
		before = n
	}
	return to
}

// decodeSet is the inverse of appendSet.
func decodeSet(data []byte) ([]uint32, error) {
	if len(data) == 0 {
		return nil, nil
	}
	d := pebble.Decoder{Rest: data[1:]}
	set := make([]uint32, 0, len(d.Rest)/2)
	var n uint32
	for len(d.Rest) > 0 {
		n += uint32(d.Uvarint())
		set = append(set, n)
	}
	if d.Failed || data[0] != setVersion {
		return nil, errDamaged
	}
	return set, nil
}

// setLength returns how many ordinals appendSet has encoded: each has one byte without the bit that says that more follow.
func setLength(data []byte) (n int64) {
	for i, b := range data {
		if i > 0 && b < 0x80 {
			n++
		}
	}
	return n
}

func appendCount(to []byte, c feed.Count) []byte {
	return binary.AppendUvarint(binary.AppendVarint(to, c.Followers), uint64(c.Through))
}

func decodeCount(data []byte) (feed.Count, error) {
	d := pebble.Decoder{Rest: data}
	c := feed.Count{Followers: d.Varint(), Through: feed.Position(d.Uvarint())}
	if d.Failed {
		return feed.Count{}, errDamaged
	}
	return c, nil
}

// appendReach encodes a row: writer, position of the graph, and the positions of posts.
func appendReach(to []byte, r feed.Row) []byte {
	to = binary.AppendUvarint(to, r.Writer)
	to = binary.AppendUvarint(to, uint64(r.Graph))
	return appendVector(to, r.Posts)
}

// decodeReach reads what appendReach has written.
func decodeReach(d *pebble.Decoder) (feed.Row, error) {
	r := feed.Row{Writer: d.Uvarint(), Graph: feed.Position(d.Uvarint()), Posts: decodeVector(d)}
	if d.Failed {
		return feed.Row{}, errDamaged
	}
	return r, nil
}

// appendVector encodes positions: their number, and each of them.
func appendVector(to []byte, v feed.Vector) []byte {
	to = binary.AppendUvarint(to, uint64(len(v)))
	for _, at := range v {
		to = binary.AppendUvarint(to, uint64(at))
	}
	return to
}

// decodeVector reads what appendVector has written. A damaged vector sets d.Failed.
func decodeVector(d *pebble.Decoder) feed.Vector {
	n := d.Uvarint()
	if n > uint64(len(d.Rest)) { // each position has one byte or more
		d.Failed = true
		return nil
	}
	v := make(feed.Vector, n)
	for i := range v {
		v[i] = feed.Position(d.Uvarint())
	}
	return v
}

// appendModes encodes changes of mode: for each its number, position, least and greatest post.
func appendModes(to []byte, m feed.Modes) []byte {
	for _, c := range m.Changes {
		to = binary.AppendUvarint(to, uint64(c.Number))
		to = binary.AppendUvarint(to, uint64(c.At))
		to = append(append(to, c.Least[:]...), c.Greatest[:]...)
	}
	return to
}

// decodeModes is the inverse of appendModes.
func decodeModes(author feed.UserID, data []byte) (feed.Modes, error) {
	m := feed.Modes{Author: author}
	d := pebble.Decoder{Rest: data}
	for len(d.Rest) > 0 {
		c := feed.ModeChange{Number: int(d.Uvarint()), At: feed.Position(d.Uvarint())}
		copy(c.Least[:], d.Bytes(len(c.Least)))
		copy(c.Greatest[:], d.Bytes(len(c.Greatest)))
		m.Changes = append(m.Changes, c)
	}
	if d.Failed {
		return feed.Modes{}, errDamaged
	}
	return m, nil
}
