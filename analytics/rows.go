package analytics

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// Rows are the events of a file, in the order of the file: by type, time and place in the log.
type Rows struct {
	partition int
	held      []*heldBatch
	order     []rowRef
}

type rowRef struct {
	time  Micros
	batch int32
	row   int32
}

// Stored is what of an event says where it came from and who it is of.
type Stored struct {
	Partition int
	Offset    Offset // of the record that it came in
	Row       int    // in that record
	Source    SourceID
	Arrival   Micros
	Time      Micros
	Late      bool
	User      []byte
	Anonymous []byte
}

// rowsOf collects the events of a cut.
func (p *part) rowsOf(c *Cut) *Rows {
	r := &Rows{partition: p.number}
	for _, h := range p.heldFrom(c.From) {
		if h.at >= c.To {
			break
		}
		r.held = append(r.held, h)
	}
	r.sort()
	return r
}

// sort finds the events and puts them in order: first a list for each type, which is in the order of the log, and then
// each list by time.
func (r *Rows) sort() {
	numbers, names := map[string]int{}, []string{}
	var lists [][]rowRef
	for n, h := range r.held {
		values := &h.batch.Types.Values
		of := make([]int, values.Len()) // which list the type of a value has
		for i := range of {
			number, ok := numbers[string(values.At(i))]
			if !ok {
				number = len(names)
				names = append(names, string(values.At(i)))
				numbers[names[number]] = number
				lists = append(lists, nil)
			}
			of[i] = number
		}
		for row := range h.batch.Rows {
			if !h.isKnown(row) && !h.isDropped(row) {
				list := &lists[of[h.batch.Types.Index[row]]]
				*list = append(*list, rowRef{h.batch.Times[row], int32(n), int32(row)})
			}
		}
	}
	slices.Sort(names)
	for _, name := range names {
		list := lists[numbers[name]]
		start := len(r.order)
		r.order = append(r.order, list...)
		sortByTime(list, r.order[start:])
	}
}

// sortByTime puts list into to, by time; events of one time stay in their order. Times that are less than half a year
// apart are sorted as numbers: the time in the upper bits, and the place in the list in the lower.
func sortByTime(list, to []rowRef) {
	const placeBits = 20
	if len(list) == 0 {
		return
	}
	least, most := list[0].time, list[0].time
	for i := range list {
		least, most = min(least, list[i].time), max(most, list[i].time)
	}
	if len(list) > 1<<placeBits || most-least >= 1<<(64-placeBits) {
		copy(to, list)
		slices.SortStableFunc(to, func(a, b rowRef) int { return cmp.Compare(a.time, b.time) })
		return
	}
	keys := make([]uint64, len(list))
	for i := range list {
		keys[i] = uint64(list[i].time-least)<<placeBits | uint64(i)
	}
	slices.Sort(keys)
	for i, key := range keys {
		to[i] = list[key&(1<<placeBits-1)]
	}
}

// Len returns the number of events.
func (r *Rows) Len() int { return len(r.order) }

// Batch returns the batch of the event at i, and its row there. Both stay as they are until the file is in the catalogue.
func (r *Rows) Batch(i int) (b *Batch, row int) {
	ref := r.order[i]
	return r.held[ref.batch].batch, int(ref.row)
}

// At returns where the event at i came from.
func (r *Rows) At(i int) Stored {
	h, row := r.held[r.order[i].batch], int(r.order[i].row)
	b := h.batch
	return Stored{
		Partition: r.partition, Offset: h.at, Row: row, Source: b.Source, Arrival: b.Arrival, Time: b.Times[row],
		Late: isLate(b.Times[row], b.Arrival, b.Lateness), User: b.Users.At(row), Anonymous: b.Anonymous.At(row),
	}
}

// FileRow is an event in a file, with copies of all that it has.
type FileRow struct {
	Stored
	Event Event
}

// Row returns the event at i.
func (r *Rows) Row(i int) FileRow {
	b, row := r.Batch(i)
	s := r.At(i)
	s.User, s.Anonymous = bytes.Clone(s.User), bytes.Clone(s.Anonymous)
	return FileRow{s, b.Event(row)}
}

// RowsOf returns the events, without repeats, of the batches that stand in a partition from an offset on, as rows of a file.
func RowsOf(partition int, from Offset, records ...[]byte) (*Rows, error) {
	rules := DefaultRules
	p := newPart(partition, &rules)
	p.state.Next, p.state.CutFrom = from, from
	for _, record := range records {
		if err := p.apply(record); err != nil {
			return nil, err
		}
	}
	return p.rowsOf(&Cut{Partition: partition, From: from, To: p.state.Next}), nil
}

// lines counts the events again, from the rows: what the fold has counted has to be the same.
func (r *Rows) lines() []Line {
	lines := map[LineKey]*Line{}
	for _, h := range r.held {
		b := h.batch
		key := LineKey{b.Source, b.Arrival.Floor(time.Minute)}
		if lines[key] == nil {
			lines[key] = &Line{LineKey: key}
		}
		for row := range b.Rows {
			if h.isKnown(row) {
				continue
			}
			lines[key].Stored++
			if h.isDropped(row) {
				lines[key].Erased++
			}
			if isLate(b.Times[row], b.Arrival, b.Lateness) {
				lines[key].Late++
			}
		}
	}
	all := make([]Line, 0, len(lines))
	for _, l := range lines {
		all = append(all, *l)
	}
	return sortedLines(all)
}
