package analytics

import (
	"slices"
	"time"
)

// oracle computes from the records of a log, in the plainest way, what a fold has to find.
type oracle struct {
	windows map[WindowKey]*plainWindow
	books   map[LineKey]*Book
	rows    map[place]Event       // of events that are in files
	ids     map[plainID]bool      // that were stored
	types   map[plainDay][]string // that have windows of their own
	sources map[SourceID]*sourceState
}

type (
	place struct {
		partition int
		at        Offset
		row       int
	}
	plainID struct {
		source SourceID
		id     string
	}
	plainDay struct {
		source SourceID
		day    Micros
	}
	plainWindow struct {
		revision, events, late, count, sum, least, most int64
		users                                           map[uint64]bool // by register
		changed                                         bool
	}
)

// judge folds the log and returns what it has to be, up to the last epoch that all partitions have.
func judge(rules *Rules, partitions [][][]byte) *oracle {
	o := &oracle{map[WindowKey]*plainWindow{}, map[LineKey]*Book{}, map[place]Event{}, map[plainID]bool{}, map[plainDay][]string{}, map[SourceID]*sourceState{}}
	last, ends := int64(1<<62), make([]map[int64]int, len(partitions)) // by epoch, the offset of the tick that closes it
	for n, records := range partitions {
		top := int64(0)
		ends[n] = map[int64]int{}
		for at, record := range records {
			if t, ok := tickOf(record); ok && t.Epoch > top {
				top, ends[n][t.Epoch] = t.Epoch, at
			}
		}
		last = min(last, top)
	}
	read, now := make([]int, len(partitions)), Micros(0)
	generations := make([][]map[plainID]bool, len(partitions))
	for epoch := int64(1); epoch <= last; epoch++ {
		var events []plainEvent
		closed := false
		for n, records := range partitions {
			end, ok := ends[n][epoch]
			if !ok {
				continue // the tick is missing: what stands there belongs to the next epoch
			}
			if g := generations[n]; len(g) == 0 || len(g[len(g)-1]) >= rules.Generation {
				generations[n] = append(g, map[plainID]bool{})[max(0, len(g)-4):]
			}
			for ; read[n] <= end; read[n]++ {
				switch kind, body, _ := KindOf(records[read[n]]); kind {
				case ErasureRecord:
					e, _ := DecodeErasure(body)
					o.erase(rules, n, Offset(read[n]), e)
				case BatchRecord:
					events = append(events, o.batch(rules, n, Offset(read[n]), records, generations[n])...)
				}
			}
			t, _ := tickOf(records[end])
			closed, now = true, max(now, t.At)
		}
		if closed {
			o.count(rules, events)
			o.publish(rules, now)
		}
	}
	return o
}

func tickOf(record []byte) (Tick, bool) {
	kind, body, err := KindOf(record)
	if err != nil {
		panic(err)
	}
	t, err := DecodeTick(body)
	return t, err == nil && kind == TickRecord
}

type plainEvent struct {
	Event
	source  SourceID
	arrival Micros
	late    bool
	erased  bool
}

// batch returns the new events of a batch.
func (o *oracle) batch(rules *Rules, n int, at Offset, records [][]byte, generations []map[plainID]bool) (events []plainEvent) {
	var b Batch
	if err := b.Decode(records[at]); err != nil {
		panic(err)
	}
	key := LineKey{b.Source, b.Arrival.Floor(time.Minute)}
	if o.books[key] == nil {
		o.books[key] = &Book{}
	}
	o.books[key].Rejected += int64(b.Rejected)
	if o.sources[b.Source] == nil {
		o.sources[b.Source] = &sourceState{noTime, noTime, noTime, noTime}
	}
	o.sources[b.Source].Arrival = max(o.sources[b.Source].Arrival, b.Arrival)
	for row := range b.Rows {
		e := plainEvent{Event: b.Event(row), source: b.Source, arrival: b.Arrival}
		id := plainID{b.Source, e.ID}
		known := slices.ContainsFunc(generations, func(g map[plainID]bool) bool { return g[id] })
		generations[len(generations)-1][id] = true
		if known {
			o.books[key].Duplicate++
			continue
		}
		o.books[key].Stored++
		o.ids[id] = true
		e.late = b.Lateness >= 0 && b.Arrival-e.Time > b.Lateness
		for i := range at {
			if kind, body, _ := KindOf(records[i]); kind == ErasureRecord {
				erasure, _ := DecodeErasure(body)
				e.erased = e.erased || erasure.Before > e.Time && isSubject(rules, erasure, &e.Event)
			}
		}
		if !e.erased {
			o.rows[place{n, at, row}] = e.Event
			events = append(events, e)
		}
	}
	return events
}

func isSubject(rules *Rules, erasure Erasure, e *Event) bool {
	return e.User != "" && slices.Contains(erasure.Subjects, rules.Key.User(e.User)) ||
		e.Anonymous != "" && slices.Contains(erasure.Subjects, rules.Key.Anonymous(e.Anonymous))
}

// erase removes the events that come earlier in the partition.
func (o *oracle) erase(rules *Rules, n int, before Offset, erasure Erasure) {
	for p, e := range o.rows {
		if p.partition == n && p.at < before && isSubject(rules, erasure, &e) {
			delete(o.rows, p)
		}
	}
}

// count counts the events of an epoch in their windows.
func (o *oracle) count(rules *Rules, events []plainEvent) {
	fresh := map[plainDay]map[string]bool{}
	for _, e := range events {
		s := o.sources[e.source]
		s.Watermark, s.Largest = max(s.Watermark, min(e.Time, e.arrival)), max(s.Largest, e.Time)
		d := plainDay{e.source, e.Time.Floor(24 * time.Hour)}
		if fresh[d] == nil {
			fresh[d] = map[string]bool{}
		}
		fresh[d][e.Type] = true
	}
	for d, names := range fresh {
		var sorted []string
		for name := range names {
			sorted = append(sorted, name)
		}
		slices.Sort(sorted)
		for _, name := range sorted {
			if len(o.types[d]) < rules.Types && !slices.Contains(o.types[d], name) {
				o.types[d] = append(o.types[d], name)
			}
		}
	}
	for _, e := range events {
		k := WindowKey{e.source, e.Time.Floor(5 * time.Minute), e.Type}
		if !slices.Contains(o.types[plainDay{e.source, e.Time.Floor(24 * time.Hour)}], e.Type) {
			k.Type = OtherType
		}
		w := o.windows[k]
		if w == nil {
			w = &plainWindow{users: map[uint64]bool{}}
			o.windows[k] = w
		}
		w.changed = true
		w.events++
		if e.late {
			w.late++
		}
		if e.User != "" {
			w.users[rules.Key.User(e.User)[0]>>(64-distinctBits)] = true
		}
		for _, v := range e.Values {
			if w.count == 0 {
				w.least, w.most = v.Int, v.Int
			}
			w.count, w.sum, w.least, w.most = w.count+1, w.sum+v.Int, min(w.least, v.Int), max(w.most, v.Int)
		}
	}
}

// publish numbers the revisions at the end of an epoch.
func (o *oracle) publish(rules *Rules, now Micros) {
	for id, s := range o.sources {
		if s.Watermark == noTime {
			continue
		}
		idle := now-s.Arrival >= Micros(rules.IdleAfter.Microseconds())
		if idle {
			s.Watermark = max(s.Watermark, min(s.Largest, now))
		}
		for k, w := range o.windows {
			if k.Source != id {
				continue
			}
			passed := k.end() <= s.Watermark || idle && k.Start <= s.Watermark
			if w.revision == 0 && (passed || k.end() <= s.Closed) || w.revision > 0 && w.changed {
				w.revision++
			}
			w.changed = false
		}
		s.Closed = max(s.Closed, s.Watermark.Floor(5*time.Minute))
		if idle {
			s.Closed = max(s.Closed, s.Watermark.Floor(5*time.Minute)+Micros(WindowLength.Microseconds()))
		}
	}
}
