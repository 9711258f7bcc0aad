package feed

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"agora/ident"
	"agora/pattern/eventlog"
)

// The kinds of records. Both topics may hold kinds that this program does not know: they are skipped.
const (
	kindPosted     = "post.created"
	kindDeleted    = "post.deleted"
	kindMode       = "author.mode"
	kindFollowed   = "user.followed"
	kindUnfollowed = "user.unfollowed"
	kindBlocked    = "user.blocked"
	kindUnblocked  = "user.unblocked"
	kindMuted      = "user.muted"
	kindUnmuted    = "user.unmuted"
	kindReturned   = "user.returned" // reads, and has no timeline
	kindActive     = "user.active"   // reads
	kindCounted    = "graph.counted" // the followers were counted; see Importer.CountFollowers
)

// edgeKinds are the records that turn an edge on or off.
var edgeKinds = map[string]struct {
	kind EdgeKind
	on   bool
}{
	kindFollowed: {Follow, true}, kindUnfollowed: {Follow, false},
	kindBlocked: {Block, true}, kindUnblocked: {Block, false},
	kindMuted: {Mute, true}, kindUnmuted: {Mute, false},
}

// Record is a record of the log, decoded.
type Record struct {
	Kind      string
	Partition int
	At        Position
	Appended  time.Time // by the clock of the log
	Actor     UserID    // the author, or the user who acts
	Post      *Post     // of kindPosted
	PostID    PostID    // of kindDeleted
	To        UserID    // whom an edge points at
	Number    int       // of kindMode
}

// stored is the value of a record. Its form is pinned by TestRecordsKeepTheirForm.
type stored struct {
	Text      string     `json:"text,omitempty"`
	Product   string     `json:"product_id,omitempty"`
	ReplyTo   *PostID    `json:"reply_to,omitempty"`
	Parent    *storedPos `json:"parent,omitempty"`
	Media     []string   `json:"media,omitempty"`
	CreatedAt *time.Time `json:"created_at,omitempty"`
	Post      *PostID    `json:"post,omitempty"`
	To        *UserID    `json:"to,omitempty"`
	Number    int        `json:"number,omitempty"`
}

type storedPos struct {
	Partition int    `json:"partition"`
	Epoch     Epoch  `json:"epoch"`
	Offset    uint64 `json:"offset"`
}

// encode returns a record of the log. The caller names the record: readers know a repeated one by its ID.
func encode(id, kind string, actor UserID, at time.Time, value stored) eventlog.Record {
	body, err := json.Marshal(value)
	if err != nil {
		panic("feed: " + err.Error()) // all fields are texts and numbers
	}
	return eventlog.Record{ID: id, Kind: kind, Key: actor.String(), Value: body, At: at}
}

// PostRecord returns the record of a new post. A retry makes the same record again.
func PostRecord(p *Post) eventlog.Record {
	value := stored{Text: p.Text, Product: p.Product, Media: p.Media, CreatedAt: &p.CreatedAt}
	if p.ReplyTo != (PostID{}) {
		value.ReplyTo = &p.ReplyTo
		value.Parent = &storedPos{Partition: p.Parent.Partition, Epoch: p.Parent.At.Epoch(), Offset: uint64(p.Parent.At.Offset())}
	}
	return encode(p.ID.String(), kindPosted, p.Author, p.CreatedAt, value)
}

// deleteRecord returns the record of a deletion.
func deleteRecord(post PostID, author UserID, now time.Time) eventlog.Record {
	return encode(post.String()+"/deleted", kindDeleted, author, now, stored{Post: &post})
}

// modeRecord returns the record of an author's change with a number.
func modeRecord(author UserID, number int, now time.Time) eventlog.Record {
	return encode(author.String()+"/mode/"+strconv.Itoa(number), kindMode, author, now, stored{Number: number})
}

// EdgeRecord returns the record that turns an edge on or off.
func EdgeRecord(key EdgeKey, on bool, now time.Time) eventlog.Record {
	for kind, means := range edgeKinds {
		if means.kind == key.Kind && means.on == on {
			return encode(ident.New(ident.Event), kind, key.From, now, stored{To: &key.To})
		}
	}
	panic(fmt.Sprintf("feed: edge of kind %d", key.Kind))
}

// ReturnRecord returns the record of a user who reads and has no timeline.
func ReturnRecord(user UserID, now time.Time) eventlog.Record {
	return encode(ident.New(ident.Event), kindReturned, user, now, stored{})
}

// activeRecord returns the record of a user who reads.
func activeRecord(user UserID, now time.Time) eventlog.Record {
	return encode(ident.New(ident.Event), kindActive, user, now, stored{})
}

// countedRecord returns the record before which all followers in its partition are counted.
func countedRecord(key UserID, now time.Time) eventlog.Record {
	return encode(ident.New(ident.Event), kindCounted, key, now, stored{})
}

// Decode reads a message of either topic. A kind that is not known leaves all but Kind and the position empty.
func Decode(epoch Epoch, m eventlog.Message) (Record, error) {
	r := Record{Kind: m.Kind, Partition: m.Partition, At: At(epoch, m.Offset), Appended: m.Appended}
	if !r.known() {
		return r, nil
	}
	var value stored
	if err := json.Unmarshal(m.Value, &value); err != nil {
		return r, fmt.Errorf("decode record %s: %w", m.ID, err)
	}
	var err error
	if r.Actor, err = ParseUserID(m.Key); err != nil {
		return r, fmt.Errorf("decode record %s: the key %w", m.ID, err)
	}
	r.Number = value.Number
	if value.To != nil {
		r.To = *value.To
	}
	if value.Post != nil {
		r.PostID = *value.Post
	}
	if m.Kind == kindPosted {
		r.Post, err = value.post(m, r)
	}
	return r, err
}

func (value stored) post(m eventlog.Message, r Record) (*Post, error) {
	id, err := ParsePostID(m.ID)
	if err != nil {
		return nil, fmt.Errorf("decode record %s: the ID %w", m.ID, err)
	}
	p := &Post{ID: id, Author: r.Actor, Text: value.Text, Product: value.Product, Media: value.Media, At: r.At}
	if value.CreatedAt != nil {
		p.CreatedAt = *value.CreatedAt
	}
	if value.ReplyTo != nil {
		p.ReplyTo = *value.ReplyTo
	}
	if value.Parent != nil {
		p.Parent = Parent{Partition: value.Parent.Partition, At: At(value.Parent.Epoch, int64(value.Parent.Offset))}
	}
	return p, nil
}

// Edge returns the edge that the record turns on or off. ok is false for a record of another kind.
func (r Record) Edge() (key EdgeKey, on, ok bool) {
	means, ok := edgeKinds[r.Kind]
	return EdgeKey{Kind: means.kind, From: r.Actor, To: r.To}, means.on, ok
}

// known reports whether this program knows what the record means.
func (r Record) known() bool {
	switch r.Kind {
	case kindPosted, kindDeleted, kindMode, kindReturned, kindActive, kindCounted:
		return true
	}
	_, ok := edgeKinds[r.Kind]
	return ok
}
