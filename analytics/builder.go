package analytics

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"
)

// Builder makes batches of one source and one partition. It can be used again after Reset.
type Builder struct {
	header     Header
	times      []Micros
	calls      []byte
	types      dictionaryBuilder
	ids        Texts
	users      dictionaryBuilder
	anonymous  dictionaryBuilder
	sessions   dictionaryBuilder
	columns    []columnBuilder // by ID
	properties Texts
	reasons    []byte
	raw        Texts
	size       int // at least what the payload takes

	payload []byte
}

// rowOverhead is what a row takes beside its texts: time, call, four indices, two lengths, and the lengths of the
// dictionaries' values.
const rowOverhead = 8 + 1 + 4*2 + 2*4 + 4*4

// columnOverhead is what a declared column takes in a row.
const columnOverhead = 8 + 4 + 1

// NewBuilder returns a builder of batches of the source. lateness is its lateness, or NeverLate.
func NewBuilder(source SourceID, lateness time.Duration, arrival Micros) *Builder {
	b := &Builder{}
	b.Reset(source, lateness, arrival)
	return b
}

// Reset begins a new batch.
func (b *Builder) Reset(source SourceID, lateness time.Duration, arrival Micros) {
	b.header = Header{Source: source, Arrival: arrival, Lateness: Micros(lateness.Microseconds())}
	if lateness < 0 {
		b.header.Lateness = -1
	}
	b.times, b.calls, b.reasons = b.times[:0], b.calls[:0], b.reasons[:0]
	for _, t := range []*Texts{&b.ids, &b.properties, &b.raw} {
		t.reset()
	}
	for _, d := range []*dictionaryBuilder{&b.types, &b.users, &b.anonymous, &b.sessions} {
		d.reset()
	}
	b.columns = b.columns[:0]
	b.size = 4096 // what is there once, for each column
}

// Header returns what the batch says of itself so far.
func (b *Builder) Header() Header { return b.header }

// Add adds an event. It returns why the event is rejected, in which case the caller may Reject the item; full reports
// that there is no room for it in this batch: add it to the next one. An empty batch has room for any event.
func (b *Builder) Add(e *Event) (reason Reason, full bool) {
	if reason := e.Check(b.header.Arrival); reason != Accepted {
		return reason, false
	}
	columns := b.columnsWith(e)
	if columns > MaxColumns {
		if b.header.Rows == 0 {
			return BadColumns, false
		}
		return Accepted, true
	}
	size := e.size() + rowOverhead + columns*columnOverhead
	// A column that is new takes its room in all rows before.
	size += (columns - len(b.columns)) * columnOverhead * len(b.times)
	if b.header.Rows == MaxRows || b.size+size > MaxPayload {
		return Accepted, true
	}
	b.size += size
	b.add(e)
	return Accepted, false
}

// columnsWith returns how many columns the batch has if the event is in it.
func (b *Builder) columnsWith(e *Event) int {
	n := len(b.columns)
	for i := range e.Values {
		if b.column(e.Values[i]) == nil {
			n++
		}
	}
	return n
}

// column returns the column of a value, or nil. Columns of one number and different kinds are two columns.
func (b *Builder) column(v Value) *columnBuilder {
	for i := range b.columns {
		if c := &b.columns[i]; c.id == v.Column && c.kind == v.Kind {
			return c
		}
	}
	return nil
}

func (b *Builder) add(e *Event) {
	h, row := &b.header, len(b.times)
	if row == 0 {
		h.First, h.Last = e.Time, e.Time
	}
	h.First, h.Last, h.Rows = min(h.First, e.Time), max(h.Last, e.Time), row+1
	b.times, b.calls = append(b.times, e.Time), append(b.calls, byte(e.Call))
	b.types.add(e.Type)
	b.ids.add(e.ID)
	b.users.add(e.User)
	b.anonymous.add(e.Anonymous)
	b.sessions.add(e.Session)
	b.properties.add(e.Properties)
	for i := range e.Values {
		v := &e.Values[i]
		c := b.column(*v)
		if c == nil {
			c = b.addColumn(v.Column, v.Kind)
		}
		c.add(row, v)
	}
	for i := range b.columns {
		b.columns[i].fill(row + 1)
	}
}

func (b *Builder) addColumn(id uint16, kind Kind) *columnBuilder {
	i := 0
	for i < len(b.columns) && (b.columns[i].id < id || b.columns[i].id == id && b.columns[i].kind < kind) {
		i++
	}
	if len(b.columns) == cap(b.columns) {
		b.columns = slices.Grow(b.columns, 1)
	}
	// The builder after the last one has buffers of an earlier batch.
	b.columns = b.columns[:len(b.columns)+1]
	spare := b.columns[len(b.columns)-1]
	copy(b.columns[i+1:], b.columns[i:])
	spare.reset(id, kind)
	b.columns[i] = spare
	return &b.columns[i]
}

// Reject adds an item that is no event. full reports that there is no room for it.
func (b *Builder) Reject(reason Reason, raw []byte) (full bool) {
	raw = raw[:min(len(raw), MaxRaw)]
	size := len(raw) + 1 + 4
	if b.header.Rejected == MaxRows || b.size+size > MaxPayload {
		return true
	}
	b.size += size
	b.header.Rejected++
	b.reasons = append(b.reasons, byte(reason))
	b.raw.ends = append(b.raw.ends, uint32(len(b.raw.bytes)+len(raw)))
	b.raw.bytes = append(b.raw.bytes, raw...)
	return false
}

// Append appends the batch as a record of the log.
func (b *Builder) Append(to []byte) []byte {
	p := b.payload[:0]
	p = append(p, b.calls...)
	p = appendInts(p, b.times)
	p = b.types.append(p)
	p = appendTexts(p, &b.ids)
	p = b.users.append(p)
	p = b.anonymous.append(p)
	p = b.sessions.append(p)
	p = append(p, byte(len(b.columns)))
	for i := range b.columns {
		p = b.columns[i].append(p, len(b.times))
	}
	p = appendTexts(p, &b.properties)
	p = append(p, b.reasons...)
	p = appendTexts(p, &b.raw)
	b.payload = p

	start := len(to)
	to = append(to, codecVersion, byte(BatchRecord), 0, 0, 0, 0)
	to = b.header.append(to)
	to = little.AppendUint32(to, uint32(len(p)))
	to = slices.Grow(to, s2.MaxEncodedLen(len(p)))
	packed := s2.Encode(to[len(to):cap(to)], p)
	if len(packed) < len(p) {
		to = to[:len(to)+len(packed)]
	} else {
		to = append(to, p...)
	}
	return seal(to, start)
}

func (h *Header) append(to []byte) []byte {
	to = little.AppendUint64(to, uint64(h.Arrival))
	to = little.AppendUint64(to, uint64(h.Lateness))
	to = little.AppendUint64(to, uint64(h.First))
	to = little.AppendUint64(to, uint64(h.Last))
	to = little.AppendUint16(to, uint16(h.Rows))
	to = little.AppendUint16(to, uint16(h.Rejected))
	to = append(to, byte(len(h.Source)))
	return append(to, h.Source...)
}

func (t *Texts) reset() { t.ends, t.bytes = t.ends[:0], t.bytes[:0] }

func (t *Texts) add(s string) {
	t.bytes = append(t.bytes, s...)
	t.ends = append(t.ends, uint32(len(t.bytes)))
}

// dictionaryBuilder collects a Dictionary. slots is a table with open addressing: the number of a value plus 1, or 0.
type dictionaryBuilder struct {
	values Texts
	index  []uint16
	slots  []uint16
}

var dictionarySeed = maphash.MakeSeed() // which slot a value takes changes nothing that is stored

func (d *dictionaryBuilder) reset() {
	d.values.reset()
	d.index = d.index[:0]
	clear(d.slots)
}

func (d *dictionaryBuilder) add(s string) {
	if d.values.Len()*2 >= len(d.slots) {
		d.grow()
	}
	slot := d.slot(s)
	if d.slots[slot] == 0 {
		d.values.add(s)
		d.slots[slot] = uint16(d.values.Len())
	}
	d.index = append(d.index, d.slots[slot]-1)
}

// slot returns the slot that has s, or the one where it belongs.
func (d *dictionaryBuilder) slot(s string) int {
	mask := len(d.slots) - 1
	for slot := int(maphash.String(dictionarySeed, s)) & mask; ; slot = (slot + 1) & mask {
		if n := d.slots[slot]; n == 0 || string(d.values.At(int(n-1))) == s {
			return slot
		}
	}
}

func (d *dictionaryBuilder) grow() {
	d.slots = make([]uint16, max(64, 2*len(d.slots)))
	for i := range d.values.Len() {
		d.slots[d.slot(string(d.values.At(i)))] = uint16(i + 1)
	}
}

func (d *dictionaryBuilder) append(to []byte) []byte { return appendDictionary(to, &d.values, d.index) }

// columnBuilder collects a Column.
type columnBuilder struct {
	id      uint16
	kind    Kind
	ints    []int64
	texts   dictionaryBuilder
	present []uint64
	count   int // of rows with a value
}

func (c *columnBuilder) reset(id uint16, kind Kind) {
	c.id, c.kind, c.count = id, kind, 0
	c.ints, c.present = c.ints[:0], c.present[:0]
	c.texts.reset()
}

func (c *columnBuilder) add(row int, v *Value) {
	c.fill(row)
	if c.kind == Text {
		c.texts.add(v.Text)
	} else {
		c.ints = append(c.ints, v.Int)
	}
	for len(c.present) <= row/64 {
		c.present = append(c.present, 0)
	}
	c.present[row/64] |= 1 << (row % 64)
	c.count++
}

// fill gives the rows before row that have no value an empty one.
func (c *columnBuilder) fill(row int) {
	for c.kind == Text && len(c.texts.index) < row {
		c.texts.add("")
	}
	for c.kind != Text && len(c.ints) < row {
		c.ints = append(c.ints, 0)
	}
	for len(c.present) < (row+63)/64 {
		c.present = append(c.present, 0)
	}
}

func (c *columnBuilder) append(to []byte, rows int) []byte {
	to = little.AppendUint16(to, c.id)
	to = append(to, byte(c.kind))
	if c.count == rows {
		to = append(to, 1)
	} else {
		to = append(to, 0)
		for _, word := range c.present {
			to = little.AppendUint64(to, word)
		}
	}
	if c.kind == Text {
		return c.texts.append(to)
	}
	return appendInts(to, c.ints)
}
