package analytics

import "encoding/binary"

// Limits of a batch.
const (
	MaxRows    = 8192    // events, and as many rejected items
	MaxPayload = 1 << 20 // bytes of the columns before compression
	MaxColumns = 64      // declared columns that occur in one batch
	// MaxRecord is the size of the largest record in the log: the largest payload and a header.
	MaxRecord = MaxPayload + 512
)

// Header is what a batch says of itself without being decompressed. Whoever counts accepted items reads nothing else.
type Header struct {
	Source   SourceID
	Arrival  Micros // when the server had the items
	Lateness Micros // how old an event of the source may be at its arrival without being late; negative: never late
	First    Micros // the earliest time of an event; 0 if there is none
	Last     Micros // the latest one
	Rows     int    // events
	Rejected int    // items that are no events
}

// Accepted returns how many items the batch holds.
func (h Header) Accepted() int { return h.Rows + h.Rejected }

// Batch is a record of the log: events of one source that arrived together, in columns. Its bytes are valid until the next
// Decode into it.
type Batch struct {
	Header
	Times      []Micros
	Calls      []Call
	Types      Dictionary
	IDs        Texts
	Users      Dictionary
	Anonymous  Dictionary
	Sessions   Dictionary
	Columns    []Column
	Properties Texts
	Reasons    []Reason // of the rejected items
	Raw        Texts    // the rejected items, cut at MaxRaw bytes

	payload []byte
}

// MaxRaw is how many bytes are kept of a rejected item.
const MaxRaw = 4 << 10

// Texts is a column of texts.
type Texts struct {
	ends  []uint32
	bytes []byte
}

// Len returns the number of texts.
func (t *Texts) Len() int { return len(t.ends) }

// At returns the text at i. It must not be changed.
func (t *Texts) At(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = t.ends[i-1]
	}
	return t.bytes[start:t.ends[i]:t.ends[i]]
}

// Dictionary is a column of texts that repeat.
type Dictionary struct {
	Values Texts    // each once, in the order in which they occur
	Index  []uint16 // for each row, which value it has
}

// At returns the text of a row. It must not be changed.
func (d *Dictionary) At(row int) []byte { return d.Values.At(int(d.Index[row])) }

// Column is a declared column. A row that has no value has 0, false or the empty text, and is not Present.
type Column struct {
	ID      uint16
	Kind    Kind
	Ints    []int64    // of all kinds but Text
	Texts   Dictionary // of the kind Text
	present []uint64   // a bit for each row; empty if all have a value
}

// Present reports whether the row has a value.
func (c *Column) Present(row int) bool {
	return len(c.present) == 0 || c.present[row/64]>>(row%64)&1 == 1
}

// Event returns the event in a row, with copies of its texts.
func (b *Batch) Event(row int) Event {
	e := Event{
		Time: b.Times[row], Call: b.Calls[row], Type: string(b.Types.At(row)), ID: string(b.IDs.At(row)),
		User: string(b.Users.At(row)), Anonymous: string(b.Anonymous.At(row)), Session: string(b.Sessions.At(row)),
		Properties: string(b.Properties.At(row)),
	}
	for i := range b.Columns {
		c := &b.Columns[i]
		if !c.Present(row) {
			continue
		}
		v := Value{Column: c.ID, Kind: c.Kind}
		if c.Kind == Text {
			v.Text = string(c.Texts.At(row))
		} else {
			v.Int = c.Ints[row]
		}
		e.Values = append(e.Values, v)
	}
	return e
}

// RecordKind says what a record of the log is.
type RecordKind uint8

// The kinds of records.
const (
	BatchRecord   RecordKind = iota + 1
	TickRecord               // closes an epoch
	ErasureRecord            // removes a person
)

// A record begins with the version of the codec, its kind, and the CRC-32C of all that follows.
const (
	codecVersion = 1
	envelope     = 6
)

var little = binary.LittleEndian
