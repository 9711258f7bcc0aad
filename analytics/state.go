package analytics

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
)

// Offset is where a record stands in its partition: 0, 1, 2, …
type Offset int64

// LineKey is what books are kept by: a source and the minute of arrival.
type LineKey struct {
	Source SourceID
	Minute Micros
}

func (k LineKey) compare(other LineKey) int {
	return cmp.Or(cmp.Compare(k.Source, other.Source), cmp.Compare(k.Minute, other.Minute))
}

// Line counts the events of a source and a minute that a file holds, or will hold.
type Line struct {
	LineKey
	Stored int64 // events that are no repeats, with those that have been erased
	Late   int64 // of them
	Erased int64 // of them
}

// Book is what the fold has found in the events of a source and a minute.
type Book struct {
	Stored    int64 // in files, or on the way there
	Duplicate int64
	Rejected  int64
}

// Cut is a range of a partition that makes one file.
type Cut struct {
	Partition int
	From, To  Offset
	Lines     []Line
	live      []Offset // where the generations began that counted at From
}

// sourceState is how far a source is in event time.
type sourceState struct {
	Watermark Micros // the maximum of min(time, arrival)
	Largest   Micros // the largest time
	Arrival   Micros // the latest arrival
	Closed    Micros // windows that end here or before are published
}

// partState is how far a partition is.
type partState struct {
	Next     Offset   // the first record that has not been folded
	Epoch    int64    // of its latest tick
	CutFrom  Offset   // where the next file begins
	CutRows  int64    // events since then, with repeats
	CutEpoch int64    // of the latest cut
	Live     []Offset // where the generations of identifiers began that count
	CutLive  []Offset // those that counted at CutFrom
	Lines    []Line   // of the next file
	Cuts     []Offset // from where the latest files begin
}

// head is what is read and written with each epoch.
type head struct {
	Epoch   int64
	At      Micros // the latest tick
	Parts   []partState
	Sources map[SourceID]sourceState
}

// The first byte of a key in the state says what it is the key of.
const (
	headKey    = 'h'
	windowKey  = 'w' // source, start, type → Window
	revisedKey = 'r' // source, start, type, revision → Revision
	openKey    = 'o' // source, start, type → nothing: the window is not published
	bookKey    = 'b' // source, minute → Book
	cutKey     = 'c' // partition, from → Cut
	erasureKey = 'e' // partition, offset → Erasure
	typeKey    = 't' // source, day, type → nothing: the type has windows of its own on that day
	typesKey   = 'n' // source, day → how many such types
)

var big = binary.BigEndian

// appendTime appends a time, or an offset, so that keys sort by it.
func appendTime[T ~int64](key []byte, at T) []byte { return big.AppendUint64(key, uint64(at)^1<<63) }

func sourceKey(kind byte, source SourceID, at Micros) []byte {
	key := make([]byte, 0, 96)
	key = append(key, kind)
	key = append(key, source...)
	key = append(key, 0) // no source has it
	return appendTime(key, at)
}

func (k WindowKey) key(kind byte) []byte {
	return append(sourceKey(kind, k.Source, k.Start), k.Type...)
}

func partKey(kind byte, partition int, at Offset) []byte {
	return appendTime(big.AppendUint16([]byte{kind}, uint16(partition)), at)
}

var errKey = errors.New("a key of the state is damaged")

// parseWindowKey reads what WindowKey.key made.
func parseWindowKey(key []byte) (WindowKey, error) {
	i := slices.Index(key, 0)
	if i < 1 || len(key) < i+9 {
		return WindowKey{}, errKey
	}
	return WindowKey{
		Source: SourceID(key[1:i]), Start: Micros(big.Uint64(key[i+1:]) ^ 1<<63), Type: string(key[i+9:]),
	}, nil
}

func parsePartKey(key []byte) (partition int, at Offset, err error) {
	if len(key) != 11 {
		return 0, 0, errKey
	}
	return int(big.Uint16(key[1:])), Offset(big.Uint64(key[3:]) ^ 1<<63), nil
}

// Values of the state begin with the version of their form.
const stateVersion = 1

func appendInt[T ~int64 | ~int](to []byte, v T) []byte { return binary.AppendVarint(to, int64(v)) }

func appendText[T ~string](to []byte, s T) []byte {
	return append(binary.AppendUvarint(to, uint64(len(s))), s...)
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.data)
	if n <= 0 {
		r.fail(errShort)
		return 0
	}
	r.data = r.data[n:]
	return v
}

// count reads how many things follow, each of at least one byte.
func (r *reader) count() int {
	v, n := binary.Uvarint(r.data)
	if n <= 0 || v > uint64(len(r.data)-n) {
		r.fail(errShort)
		return 0
	}
	r.data = r.data[n:]
	return int(v)
}

func (r *reader) text() string { return string(r.bytes(r.count())) }

// stateReader returns a reader of a value, after its version.
func stateReader(value []byte) *reader {
	r := &reader{data: value}
	if r.byte() != stateVersion {
		r.fail(errors.New("its form is of another version"))
	}
	return r
}

// end returns what went wrong, also if something is left.
func (r *reader) end() error {
	if r.err == nil && len(r.data) > 0 {
		r.fail(errForm)
	}
	if r.err != nil {
		return ErrDamaged("a value of the state: " + r.err.Error())
	}
	return nil
}

func appendOffsets(to []byte, offsets []Offset) []byte {
	to = binary.AppendUvarint(to, uint64(len(offsets)))
	for _, o := range offsets {
		to = appendInt(to, o)
	}
	return to
}

func (r *reader) offsets() []Offset {
	n := r.count()
	var offsets []Offset
	for range n {
		offsets = append(offsets, Offset(r.int()))
	}
	return offsets
}

func appendLines(to []byte, lines []Line) []byte {
	to = binary.AppendUvarint(to, uint64(len(lines)))
	for _, l := range lines {
		to = appendInt(appendText(to, l.Source), l.Minute)
		to = appendInt(appendInt(appendInt(to, l.Stored), l.Late), l.Erased)
	}
	return to
}

func (r *reader) lines() []Line {
	n := r.count()
	var lines []Line
	for i := 0; i < n && r.err == nil; i++ {
		l := Line{LineKey: LineKey{Source: SourceID(r.text()), Minute: Micros(r.int())}}
		l.Stored, l.Late, l.Erased = r.int(), r.int(), r.int()
		lines = append(lines, l)
	}
	return lines
}

func (h *head) encode() []byte {
	to := appendInt(appendInt([]byte{stateVersion}, h.Epoch), h.At)
	to = binary.AppendUvarint(to, uint64(len(h.Parts)))
	for i := range h.Parts {
		p := &h.Parts[i]
		for _, v := range []int64{int64(p.Next), p.Epoch, int64(p.CutFrom), p.CutRows, p.CutEpoch} {
			to = appendInt(to, v)
		}
		to = appendOffsets(appendLines(appendOffsets(appendOffsets(to, p.Live), p.CutLive), p.Lines), p.Cuts)
	}
	to = binary.AppendUvarint(to, uint64(len(h.Sources)))
	sources := make([]SourceID, 0, len(h.Sources))
	for id := range h.Sources {
		sources = append(sources, id)
	}
	slices.Sort(sources)
	for _, id := range sources {
		s := h.Sources[id]
		to = appendText(to, id)
		for _, v := range []Micros{s.Watermark, s.Largest, s.Arrival, s.Closed} {
			to = appendInt(to, v)
		}
	}
	return to
}

func decodeHead(value []byte) (*head, error) {
	r := stateReader(value)
	h := &head{Epoch: r.int(), At: Micros(r.int()), Sources: map[SourceID]sourceState{}}
	n := r.count()
	for i := 0; i < n && r.err == nil; i++ {
		p := partState{Next: Offset(r.int()), Epoch: r.int(), CutFrom: Offset(r.int()), CutRows: r.int(), CutEpoch: r.int()}
		p.Live, p.CutLive, p.Lines, p.Cuts = r.offsets(), r.offsets(), r.lines(), r.offsets()
		h.Parts = append(h.Parts, p)
	}
	n = r.count()
	for i := 0; i < n && r.err == nil; i++ {
		id := SourceID(r.text())
		h.Sources[id] = sourceState{Micros(r.int()), Micros(r.int()), Micros(r.int()), Micros(r.int())}
	}
	return h, r.end()
}

func (w *Window) encode() []byte {
	w.Users.normal()
	to := appendInt(appendInt(appendInt([]byte{stateVersion}, w.Revision), w.Events), w.Late)
	to = binary.AppendUvarint(to, uint64(len(w.Users.few)))
	for _, v := range w.Users.few {
		to = little.AppendUint32(to, v)
	}
	to = binary.AppendUvarint(to, uint64(len(w.Users.registers)))
	to = append(to, w.Users.registers...)
	to = binary.AppendUvarint(to, uint64(len(w.Measures)))
	for _, m := range w.Measures {
		to = append(little.AppendUint16(to, m.Column), byte(m.Kind))
		to = appendInt(appendInt(appendInt(appendInt(to, m.Count), m.Sum.High), int64(m.Sum.Low)), m.Min)
		to = appendInt(to, m.Max)
	}
	return to
}

func decodeWindow(value []byte) (*Window, error) {
	r := stateReader(value)
	w := &Window{Revision: r.int(), Events: r.int(), Late: r.int()}
	n := r.count()
	for i := 0; i < n && r.err == nil; i++ {
		v := r.uint32()
		if v>>8 >= distinctSize || byte(v) > distinctRank {
			r.fail(errForm)
			break
		}
		w.Users.few = append(w.Users.few, v)
	}
	if n := r.count(); n > 0 {
		w.Users.registers = slices.Clone(r.bytes(n))
	}
	if n := len(w.Users.registers); n != 0 && (n != distinctSize || slices.Max(w.Users.registers) > distinctRank || len(w.Users.few) > 0) {
		r.fail(errForm)
	}
	n = r.count()
	for i := 0; i < n && r.err == nil; i++ {
		m := Measure{Column: r.uint16(), Kind: Kind(r.byte()), Count: r.int(), Sum: Sum{High: r.int(), Low: uint64(r.int())}}
		m.Min, m.Max = r.int(), r.int()
		w.Measures = append(w.Measures, m)
	}
	return w, r.end()
}

func (b *Book) encode() []byte {
	return appendInt(appendInt(appendInt([]byte{stateVersion}, b.Stored), b.Duplicate), b.Rejected)
}

func decodeBook(value []byte) (Book, error) {
	r := stateReader(value)
	b := Book{Stored: r.int(), Duplicate: r.int(), Rejected: r.int()}
	return b, r.end()
}

func (c *Cut) encode() []byte {
	return appendLines(appendOffsets(appendInt([]byte{stateVersion}, c.To), c.live), c.Lines)
}

func decodeCut(key, value []byte) (Cut, error) {
	partition, from, err := parsePartKey(key)
	if err != nil {
		return Cut{}, err
	}
	r := stateReader(value)
	c := Cut{Partition: partition, From: from, To: Offset(r.int())}
	c.live, c.Lines = r.offsets(), r.lines()
	return c, r.end()
}
