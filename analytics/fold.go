package analytics

import (
	"cmp"
	"maps"
	"slices"
)

// Why a revision of a window was published.
const (
	First     = "first"     // the source has gone past the window, or was idle
	Corrected = "corrected" // events came after that
)

// Revision is a window as it was published.
type Revision struct {
	WindowKey
	Epoch  int64
	Window Window
}

// Reason returns why it was published.
func (r *Revision) Reason() string {
	if r.Window.Revision == 1 {
		return First
	}
	return Corrected
}

// epoch merges what one epoch changed in all partitions into the state. It is pure: keys says which values of the state
// it needs, and merge makes the commit of them.
type epoch struct {
	rules  *Rules
	before *head
	head   *head
	deltas []*delta
	open   map[WindowKey]bool // the windows that are not published, before the epoch

	windows []touched
	due     []WindowKey // open windows that are published although nothing changes in them
	days    []typeDay
	books   map[LineKey]*Book
	values  map[string][]byte

	commit Commit
}

// touched is a window that events of the epoch are in.
type touched struct {
	WindowKey
	change *Window
}

// typeDay is a type of a source on a day.
type typeDay struct {
	source SourceID
	day    Micros
	name   string
}

// Commit is what an epoch changes in the state.
type Commit struct {
	From, To  int64
	Changes   []Change
	Revisions []Revision // that were published

	head   *head
	cuts   []Cut
	opened []WindowKey
	ended  []WindowKey
}

func newEpoch(rules *Rules, before *head, open map[WindowKey]bool, deltas []*delta) *epoch {
	e := &epoch{rules: rules, before: before, open: open, deltas: deltas}
	e.head = &head{
		Epoch: deltas[0].epoch, At: before.At, Parts: slices.Clone(before.Parts), Sources: maps.Clone(before.Sources),
	}
	for _, d := range deltas {
		e.head.At = max(e.head.At, d.at)
		e.mergeSources(d)
	}
	for id, s := range e.head.Sources {
		e.head.Sources[id] = s.closed(e.head.At, rules)
	}
	e.collect()
	return e
}

func (e *epoch) mergeSources(d *delta) {
	for id, from := range d.sources {
		to, ok := e.head.Sources[id]
		if !ok {
			to = sourceState{noTime, noTime, noTime, noTime}
		}
		to.Watermark, to.Largest = max(to.Watermark, from.Watermark), max(to.Largest, from.Largest)
		to.Arrival = max(to.Arrival, from.Arrival)
		e.head.Sources[id] = to
	}
}

// closed returns the state of a source in which all windows are closed that its watermark has passed. An idle source moves
// its watermark to the largest time that it has sent, if that is not in the future, and closes the window of it
// too: it never moves to the clock, so that a source that is hours late does not close what it still has to send.
func (s sourceState) closed(now Micros, rules *Rules) sourceState {
	if s.Watermark == noTime {
		return s
	}
	s.Closed = max(s.Closed, s.Watermark.Floor(WindowLength))
	if now-s.Arrival >= Micros(rules.IdleAfter.Microseconds()) {
		s.Watermark = max(s.Watermark, min(s.Largest, now))
		s.Closed = max(s.Closed, s.Watermark.Floor(WindowLength)+Micros(WindowLength.Microseconds()))
	}
	return s
}

// isClosed reports whether a window is published.
func (e *epoch) isClosed(k WindowKey) bool { return k.end() <= e.head.Sources[k.Source].Closed }

// collect merges what the partitions have counted in the same windows and books.
func (e *epoch) collect() {
	windows, days := map[WindowKey]*Window{}, map[typeDay]bool{}
	e.books = map[LineKey]*Book{}
	for _, d := range e.deltas {
		for id, s := range d.sources {
			for name, starts := range s.types {
				for start, w := range starts {
					k := WindowKey{id, start, name}
					if windows[k] == nil {
						windows[k] = &Window{}
					}
					windows[k].merge(w)
					days[typeDay{id, start.Floor(day), name}] = true
				}
			}
		}
		for k, b := range d.books {
			if e.books[k] == nil {
				e.books[k] = &Book{}
			}
			e.books[k].add(b)
		}
	}
	for k, w := range windows {
		e.windows = append(e.windows, touched{k, w})
	}
	slices.SortFunc(e.windows, func(a, b touched) int { return a.compare(b.WindowKey) })
	e.days = slices.SortedFunc(maps.Keys(days), typeDay.compare)
	for k := range e.open {
		if e.isClosed(k) {
			e.due = append(e.due, k)
		}
	}
	slices.SortFunc(e.due, WindowKey.compare)
}

func (b *Book) add(other *Book) {
	b.Stored += other.Stored
	b.Duplicate += other.Duplicate
	b.Rejected += other.Rejected
}

func (d typeDay) compare(other typeDay) int {
	return cmp.Or(cmp.Compare(d.source, other.source), cmp.Compare(d.day, other.day), cmp.Compare(d.name, other.name))
}

func (d typeDay) key() []byte { return append(sourceKey(typeKey, d.source, d.day), d.name...) }

// keys returns the keys of the values that merge needs. Some may occur twice.
func (e *epoch) keys() [][]byte {
	var keys [][]byte
	for _, w := range e.windows {
		other := WindowKey{w.Source, w.Start, OtherType}
		keys = append(keys, w.key(windowKey), other.key(windowKey))
	}
	for _, k := range e.due {
		keys = append(keys, k.key(windowKey))
	}
	for _, d := range e.days {
		keys = append(keys, d.key(), sourceKey(typesKey, d.source, d.day))
	}
	for k := range e.books {
		keys = append(keys, sourceKey(bookKey, k.Source, k.Minute))
	}
	return keys
}

// merge makes the commit. values are those of keys.
func (e *epoch) merge(keys, values [][]byte) (*Commit, error) {
	e.values = make(map[string][]byte, len(keys))
	for i, key := range keys {
		e.values[string(key)] = values[i]
	}
	own, err := e.mergeTypes()
	if err != nil {
		return nil, err
	}
	if err := e.mergeWindows(own); err != nil {
		return nil, err
	}
	if err := e.mergeBooks(); err != nil {
		return nil, err
	}
	for _, d := range e.deltas {
		for _, c := range d.cuts {
			e.set(partKey(cutKey, c.Partition, c.From), c.encode())
			e.commit.cuts = append(e.commit.cuts, c)
		}
		for _, from := range d.forgotten {
			e.set(partKey(cutKey, d.partition, from), nil)
		}
		e.head.Parts[d.partition] = d.state
		for _, placed := range d.erasures {
			e.set(partKey(erasureKey, d.partition, placed.at), placed.append([]byte{stateVersion}))
		}
	}
	e.set([]byte{headKey}, e.head.encode())
	slices.SortFunc(e.commit.Changes, func(a, b Change) int { return slices.Compare(a.Key, b.Key) })
	e.commit.From, e.commit.To, e.commit.head = e.before.Epoch, e.head.Epoch, e.head
	return &e.commit, nil
}

func (e *epoch) set(key, value []byte) {
	e.commit.Changes = append(e.commit.Changes, Change{key, value})
}

// mergeTypes returns which types have windows of their own: the first ones of a source and day, up to a number; of those
// that are new in one epoch the first by name, so that it does not depend on partitions.
func (e *epoch) mergeTypes() (own map[typeDay]bool, err error) {
	own = map[typeDay]bool{}
	for i := 0; i < len(e.days); {
		first := e.days[i]
		countKey := sourceKey(typesKey, first.source, first.day)
		count, err := decodeCount(e.values[string(countKey)])
		if err != nil {
			return nil, err
		}
		before := count
		for ; i < len(e.days) && e.days[i].source == first.source && e.days[i].day == first.day; i++ {
			d := e.days[i]
			switch known := e.values[string(d.key())] != nil; {
			case known:
				own[d] = true
			case count < int64(e.rules.Types):
				own[d] = true
				count++
				e.set(d.key(), []byte{stateVersion})
			}
		}
		if count != before {
			e.set(countKey, appendInt([]byte{stateVersion}, count))
		}
	}
	return own, nil
}

func decodeCount(value []byte) (int64, error) {
	if value == nil {
		return 0, nil
	}
	r := stateReader(value)
	n := r.int()
	return n, r.end()
}

func (e *epoch) mergeWindows(own map[typeDay]bool) error {
	changed := map[WindowKey]*Window{}
	for _, t := range e.windows {
		k := t.WindowKey
		if !own[typeDay{k.Source, k.Start.Floor(day), k.Type}] {
			k.Type = OtherType
		}
		w, err := e.window(changed, k)
		if err != nil {
			return err
		}
		w.merge(t.change)
	}
	for _, k := range e.due {
		if _, err := e.window(changed, k); err != nil {
			return err
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(changed), WindowKey.compare) {
		e.publish(k, changed[k])
	}
	return nil
}

// window returns a window that the epoch changes.
func (e *epoch) window(changed map[WindowKey]*Window, k WindowKey) (*Window, error) {
	if w := changed[k]; w != nil {
		return w, nil
	}
	w := &Window{}
	if value := e.values[string(k.key(windowKey))]; value != nil {
		var err error
		if w, err = decodeWindow(value); err != nil {
			return nil, err
		}
	}
	changed[k] = w
	return w, nil
}

// publish writes a window that the epoch changes or closes.
func (e *epoch) publish(k WindowKey, w *Window) {
	closed := e.isClosed(k)
	switch {
	case w.Revision > 0 || closed:
		w.Revision++
	case !e.open[k]:
		e.commit.opened = append(e.commit.opened, k)
		e.set(k.key(openKey), []byte{stateVersion})
	}
	if closed && e.open[k] {
		e.commit.ended = append(e.commit.ended, k)
		e.set(k.key(openKey), nil)
	}
	value := w.encode()
	e.set(k.key(windowKey), value)
	if w.Revision > 0 {
		e.set(appendTime(append(k.key(revisedKey), 0), w.Revision), append(appendInt(nil, e.head.Epoch), value...))
		e.commit.Revisions = append(e.commit.Revisions, Revision{WindowKey: k, Epoch: e.head.Epoch, Window: *w})
	}
}

func (e *epoch) mergeBooks() error {
	for k, change := range e.books {
		key := sourceKey(bookKey, k.Source, k.Minute)
		b := Book{}
		if value := e.values[string(key)]; value != nil {
			var err error
			if b, err = decodeBook(value); err != nil {
				return err
			}
		}
		b.add(change)
		e.set(key, b.encode())
	}
	return nil
}
