package analytics

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// part folds one partition. It turns the records of an epoch into a delta; Fold merges the deltas of all partitions.
type part struct {
	number   int
	rules    *Rules
	state    partState
	seen     *seen
	erasures []placedErasure // in the order of offsets, and by subject:
	removals removals
	held     []*heldBatch    // in the order of offsets: of files that are not in the catalogue yet, and of the next one
	again    *repetition     // set while records are read that were folded before
	open     map[LineKey]int // where in state.Lines a line is
	delta    *delta
	closed   bool // the delta is complete
	spare    []*Batch

	marks []uint64
	cells []cell
	rows  []uint32 // for each row its cell, or noCell
}

// placedErasure is an erasure and where it stands.
type placedErasure struct {
	Erasure
	at Offset
}

// heldBatch is a batch whose events are not in a file yet.
type heldBatch struct {
	at      Offset
	batch   *Batch
	known   []uint64 // a bit for each row that repeats an earlier one
	dropped []uint64 // a bit for each row that an erasure removed; nil if there is none
}

// repetition is what a fold that starts again knows of the records that it reads again.
type repetition struct {
	state  partState         // at which folding goes on
	hold   Offset            // where the first file begins that is not in the catalogue
	begins []Offset          // of generations
	cuts   map[Offset]Offset // from where a file begins to where it ends
}

// delta is what the records of an epoch change.
type delta struct {
	partition int
	epoch     int64
	at        Micros
	sources   map[SourceID]*sourceDelta
	books     map[LineKey]*Book
	erasures  []placedErasure
	cuts      []Cut    // none or one
	forgotten []Offset // from where cuts began that the state forgets
	state     partState
}

type sourceDelta struct {
	sourceState
	types map[string]map[Micros]*Window
}

// cell is the window that rows of one type were counted in last.
type cell struct {
	start  Micros
	window *Window
}

const noCell = ^uint32(0)

func newPart(number int, rules *Rules) *part {
	p := &part{number: number, rules: rules, seen: newSeen(), removals: removals{}, open: map[LineKey]int{}}
	p.state.Live, p.state.CutLive = []Offset{0}, []Offset{0}
	p.begin()
	return p
}

// begin begins a new delta.
func (p *part) begin() {
	p.closed = false
	p.delta = &delta{partition: p.number, sources: map[SourceID]*sourceDelta{}, books: map[LineKey]*Book{}}
}

// apply folds the record at state.Next. After it has closed the delta it must not be called before begin.
func (p *part) apply(record []byte) error {
	if err := p.record(record); err != nil {
		return fmt.Errorf("partition %d, offset %d: %w", p.number, p.state.Next, err)
	}
	p.rejoin()
	return nil
}

func (p *part) record(record []byte) error {
	p.startAgain()
	kind, body, err := KindOf(record)
	if err != nil {
		return err
	}
	switch kind {
	case BatchRecord:
		err = p.batch(record)
	case ErasureRecord:
		err = p.erasure(body)
	case TickRecord:
		return p.tick(body)
	default:
		return ErrDamaged(fmt.Sprintf("there is no kind %d", kind))
	}
	if err == nil {
		p.state.Next++
	}
	return err
}

// startAgain does, while records are read again, what was done here the first time at the end of an epoch.
func (p *part) startAgain() {
	a, next := p.again, p.state.Next
	if a == nil {
		return
	}
	if slices.Contains(a.begins, next) && next > p.state.Live[0] {
		p.seen.begin()
	}
	if to, ok := a.cuts[p.state.CutFrom]; ok && to == next {
		p.state.CutFrom = to
	}
}

func (p *part) batch(record []byte) error {
	b := p.take()
	if err := b.Decode(record); err != nil {
		return err
	}
	known := make([]uint64, (b.Rows+63)/64)
	p.fingerprint(b)
	p.seen.add(p.marks, known)
	if p.again != nil && p.state.Next < p.again.hold {
		p.spare = append(p.spare, b)
		return nil
	}
	h := &heldBatch{at: p.state.Next, batch: b, known: known}
	p.held = append(p.held, h)
	p.eraseArriving(h)
	if p.again == nil {
		p.count(h)
	}
	return nil
}

// take returns a batch to decode into.
func (p *part) take() *Batch {
	if n := len(p.spare); n > 0 {
		b := p.spare[n-1]
		p.spare = p.spare[:n-1]
		return b
	}
	return &Batch{}
}

func (p *part) fingerprint(b *Batch) {
	hash := p.rules.Key.ids(b.Source)
	p.marks = slices.Grow(p.marks[:0], b.Rows)[:b.Rows]
	for row := range p.marks {
		p.marks[row] = hash.sum(b.IDs.At(row))
	}
}

func (h *heldBatch) isKnown(row int) bool { return h.known[row/64]>>(row%64)&1 == 1 }

func (h *heldBatch) isDropped(row int) bool {
	return len(h.dropped) > 0 && h.dropped[row/64]>>(row%64)&1 == 1
}

// drop marks a row as erased. It reports whether it was not.
func (h *heldBatch) drop(row int) bool {
	if h.dropped == nil {
		h.dropped = make([]uint64, len(h.known))
	}
	fresh := !h.isDropped(row)
	h.dropped[row/64] |= 1 << (row % 64)
	return fresh
}

// count adds the events of a batch to the delta and to the lines of the next file.
func (p *part) count(h *heldBatch) {
	b := h.batch
	key := LineKey{b.Source, b.Arrival.Floor(time.Minute)}
	book, line := p.delta.book(key), p.line(key)
	s := p.delta.source(b.Source)
	s.Arrival = max(s.Arrival, b.Arrival)
	p.rows = slices.Grow(p.rows[:0], b.Rows)[:b.Rows]
	p.cells = p.cells[:0]
	for range b.Types.Values.Len() {
		p.cells = append(p.cells, cell{start: noTime})
	}
	c := counting{batch: b, source: s, windows: make([]*Window, 0, 2*len(p.cells))}
	stored, erased := 0, 0
	for row := range b.Rows {
		p.rows[row] = noCell
		if h.isKnown(row) {
			continue
		}
		stored++
		late := isLate(b.Times[row], b.Arrival, b.Lateness)
		if late {
			line.Late++
		}
		if h.isDropped(row) {
			erased++
			continue
		}
		p.rows[row] = p.countRow(&c, row, late)
	}
	p.countUsers(&c)
	p.countMeasures(&c)
	line.Stored, line.Erased = line.Stored+int64(stored), line.Erased+int64(erased)
	book.Stored, book.Duplicate, book.Rejected = book.Stored+int64(stored), book.Duplicate+int64(b.Rows-stored), book.Rejected+int64(b.Rejected)
	p.state.CutRows += int64(b.Rows)
}

// counting is a batch that is counted, with the windows that its rows are in.
type counting struct {
	batch   *Batch
	source  *sourceDelta
	windows []*Window
	numbers []uint32 // of the window of each type's cell
}

// countRow counts an event, and returns the number of its window.
func (p *part) countRow(c *counting, row int, late bool) uint32 {
	b, s := c.batch, c.source
	at := b.Times[row]
	s.Watermark, s.Largest = max(s.Watermark, min(at, b.Arrival)), max(s.Largest, at)
	if c.numbers == nil {
		c.numbers = make([]uint32, len(p.cells))
	}
	of := b.Types.Index[row]
	in := &p.cells[of]
	if in.window == nil || at < in.start || at >= in.start+Micros(WindowLength.Microseconds()) {
		in.start = at.Floor(WindowLength)
		in.window = s.window(b.Types.Values.At(int(of)), in.start)
		c.numbers[of] = uint32(len(c.windows))
		c.windows = append(c.windows, in.window)
	}
	in.window.Events++
	if late {
		in.window.Late++
	}
	return c.numbers[of]
}

func (p *part) countUsers(c *counting) {
	users := &c.batch.Users
	if users.Values.Len() == 0 {
		return
	}
	hashes := p.marks[:0] // the fingerprints are not needed any more
	for i := range users.Values.Len() {
		hashes = append(hashes, p.rules.Key.of(ofUser, users.Values.At(i)))
	}
	p.marks = hashes
	for row, n := range p.rows {
		if n != noCell && len(users.At(row)) > 0 {
			c.windows[n].Users.add(hashes[users.Index[row]])
		}
	}
}

func (p *part) countMeasures(c *counting) {
	for i := range c.batch.Columns {
		column := &c.batch.Columns[i]
		if !column.Kind.Summed() {
			continue
		}
		measures := make([]Measure, len(c.windows))
		for row, n := range p.rows {
			if n == noCell || !column.Present(row) {
				continue
			}
			m := &measures[n]
			if v := column.Ints[row]; m.Count == 0 {
				*m = Measure{Count: 1, Min: v, Max: v}
				m.Sum.Add(v)
			} else {
				m.add(v)
			}
		}
		for n := range measures {
			if m := &measures[n]; m.Count > 0 {
				c.windows[n].measure(column.ID, column.Kind).merge(m)
			}
		}
	}
}

// line returns the line of the next file.
func (p *part) line(key LineKey) *Line {
	if i, ok := p.open[key]; ok {
		return &p.state.Lines[i]
	}
	p.open[key] = len(p.state.Lines)
	p.state.Lines = append(p.state.Lines, Line{LineKey: key})
	return &p.state.Lines[len(p.state.Lines)-1]
}

func (d *delta) book(key LineKey) *Book {
	b := d.books[key]
	if b == nil {
		b = &Book{}
		d.books[key] = b
	}
	return b
}

func (d *delta) source(id SourceID) *sourceDelta {
	s := d.sources[id]
	if s == nil {
		s = &sourceDelta{sourceState: sourceState{noTime, noTime, noTime, noTime}, types: map[string]map[Micros]*Window{}}
		d.sources[id] = s
	}
	return s
}

func (s *sourceDelta) window(kind []byte, start Micros) *Window {
	starts := s.types[string(kind)]
	if starts == nil {
		starts = map[Micros]*Window{}
		s.types[string(kind)] = starts
	}
	w := starts[start]
	if w == nil {
		w = &Window{}
		starts[start] = w
	}
	return w
}

// tick closes the epoch, and begins a generation and cuts a file where they are due.
func (p *part) tick(body []byte) error {
	tick, err := DecodeTick(body)
	if err != nil {
		return err
	}
	p.state.Next++
	if tick.Epoch <= p.state.Epoch || p.again != nil {
		return nil
	}
	p.state.Epoch = tick.Epoch
	if p.seen.fresh >= p.rules.Generation {
		p.seen.begin()
		p.state.Live = append(slices.Clone(p.state.Live), p.state.Next)
		p.state.Live = p.state.Live[max(0, len(p.state.Live)-liveGenerations):]
	}
	if p.state.CutRows >= p.rules.CutRows || tick.Epoch/p.rules.CutEpochs > p.state.CutEpoch/p.rules.CutEpochs {
		p.cut()
	}
	p.delta.epoch, p.delta.at, p.delta.state = tick.Epoch, tick.At, p.state
	p.delta.state.Lines = sortedLines(p.state.Lines)
	p.closed = true
	return nil
}

// keptCuts is how many cuts of a partition the state knows. A worker that starts again needs those that are not in the
// catalogue, which are at most maxWaiting and one.
const keptCuts = 16

func (p *part) cut() {
	s := &p.state
	s.Cuts = append(slices.Clone(s.Cuts), s.CutFrom)
	if len(s.Cuts) > keptCuts {
		p.delta.forgotten = append(p.delta.forgotten, s.Cuts[0])
		s.Cuts = s.Cuts[1:]
	}
	p.delta.cuts = append(p.delta.cuts, Cut{
		Partition: p.number, From: s.CutFrom, To: s.Next, Lines: sortedLines(s.Lines), live: s.CutLive,
	})
	s.CutFrom, s.CutRows, s.CutEpoch, s.CutLive, s.Lines = s.Next, 0, s.Epoch, slices.Clone(s.Live), nil
	clear(p.open)
}

func sortedLines(lines []Line) []Line {
	return slices.SortedFunc(slices.Values(lines), func(a, b Line) int { return a.compare(b.LineKey) })
}

// restore goes back to the records that have to be read again: those of the identifiers that count for files that
// are not in the catalogue, and of these files. cuts are the files of the partition that the state knows; next is where
// the catalogue is.
func (p *part) restore(state partState, cuts []Cut, erasures []placedErasure, next Offset) {
	again := &repetition{state: state, hold: state.CutFrom, cuts: map[Offset]Offset{}}
	live := state.CutLive
	again.begins = append(slices.Clone(state.Live), state.CutLive...)
	for _, c := range slices.Backward(cuts) {
		if c.To <= next {
			break
		}
		again.hold, live = c.From, c.live
		again.begins = append(again.begins, c.live...)
		again.cuts[c.From] = c.To
	}
	for i := range erasures {
		p.addErasure(&erasures[i])
	}
	p.again = again
	p.state = state
	p.state.Next, p.state.CutFrom, p.state.Live, p.state.Lines = live[0], again.hold, live, nil
	p.rejoin()
}

// rejoin ends the repetition if all is read again.
func (p *part) rejoin() {
	if p.again == nil || p.state.Next < p.again.state.Next {
		return
	}
	p.startAgain()
	p.state = p.again.state
	p.state.Lines = slices.Clone(p.state.Lines)
	p.again = nil
	for i, l := range p.state.Lines {
		p.open[l.LineKey] = i
	}
}

// release forgets the batches of files that are in the catalogue.
func (p *part) release(before Offset) {
	n := 0
	for n < len(p.held) && p.held[n].at < before {
		p.spare = append(p.spare, p.held[n].batch)
		n++
	}
	p.held = slices.Delete(p.held, 0, n)
}

// heldFrom returns what is held from an offset on.
func (p *part) heldFrom(from Offset) []*heldBatch {
	i, _ := slices.BinarySearchFunc(p.held, from, func(h *heldBatch, at Offset) int { return cmp.Compare(h.at, at) })
	return p.held[i:]
}
