package feed

import (
	"encoding/binary"
	"fmt"
	"time"

	"agora/engine/pebble"
	"agora/feed"
)

// postVersion is the first byte of every stored post; another layout takes another number.
const postVersion = 1

// appendPost encodes a post: version, author, positions of its record and of its deletion, and, unless it is deleted,
// what its author wrote.
func appendPost(to []byte, p feed.Post) []byte {
	to = append(append(to, postVersion), p.Author[:]...)
	to = binary.AppendUvarint(to, uint64(p.At))
	to = binary.AppendUvarint(to, uint64(p.Deleted))
	if p.Deleted != 0 {
		return to
	}
	to = binary.AppendVarint(to, p.CreatedAt.Unix())
	to = binary.AppendUvarint(to, uint64(p.CreatedAt.Nanosecond()))
	to = append(to, p.ReplyTo[:]...)
	to = binary.AppendUvarint(to, uint64(p.Parent.Partition))
	to = binary.AppendUvarint(to, uint64(p.Parent.At))
	to = pebble.AppendString(to, p.Text)
	to = pebble.AppendString(to, p.Product)
	to = binary.AppendUvarint(to, uint64(len(p.Media)))
	for _, url := range p.Media {
		to = pebble.AppendString(to, url)
	}
	return to
}

// decodePost is the inverse of appendPost. The post does not share memory with data.
func decodePost(id feed.PostID, data []byte) (feed.Post, error) {
	d := pebble.Decoder{Rest: data}
	if version := d.Bytes(1); d.Failed || version[0] != postVersion {
		return feed.Post{}, fmt.Errorf("post %s: %w", id, errDamaged)
	}
	p := feed.Post{ID: id}
	copy(p.Author[:], d.Bytes(len(p.Author)))
	p.At, p.Deleted = feed.Position(d.Uvarint()), feed.Position(d.Uvarint())
	if p.Deleted == 0 {
		p.CreatedAt = time.Unix(d.Varint(), int64(d.Uvarint())).UTC()
		copy(p.ReplyTo[:], d.Bytes(len(p.ReplyTo)))
		p.Parent = feed.Parent{Partition: int(d.Uvarint()), At: feed.Position(d.Uvarint())}
		p.Text, p.Product = d.String(), d.String()
		for n := d.Uvarint(); n > 0 && !d.Failed; n-- {
			p.Media = append(p.Media, d.String())
		}
	}
	if d.Failed || len(d.Rest) > 0 {
		return feed.Post{}, fmt.Errorf("post %s: %w", id, errDamaged)
	}
	return p, nil
}
