package analytics

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"agora/fault"
)

// The simulation runs the worker of this package on stores in memory whose calls fail, kill the worker, or happen when the
// next one is at work. What happens is drawn from a seed, so that a schedule can be shown again.

const simPartitions = 2

// world is the log, the stores, and those who send.
type world struct {
	rng       *rand.Rand
	rules     Rules
	log       *MemoryLog // all of it
	begin     []Offset   // to where it is trimmed
	state     *MemoryState
	catalogue *MemoryCatalogue
	files     *MemoryFiles
	worker    *Worker
	ports     *simPorts

	odds    float64 // of each kind of failure of a call
	calls   int
	killAt  int // the call that kills, if odds is 0
	after   bool
	full    bool           // the disk of all stores
	away    bool           // the lake
	late    []func() error // what workers that hang still do
	hang    int            // at about how many calls they do it
	clock   Micros
	past    []simEvent
	pending []pendingRecord // not acknowledged
	acked   map[plainID]bool
	ids     int
	problem string
}

type simEvent struct {
	Event
	source SourceID
}

type pendingRecord struct {
	partition int
	record    []byte
	ids       []plainID
}

var simSources = []struct {
	id       SourceID
	lateness time.Duration
	behind   time.Duration
	spread   time.Duration // of times
}{
	{"live", time.Minute, 0, 5 * time.Minute},
	{"behind", time.Hour, 3 * time.Hour, time.Hour},
	{"import", NeverLate, 15 * 365 * day, 400 * day},
}

func newWorld(seed uint64) *world {
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 1)), log: NewMemoryLog(simPartitions), begin: make([]Offset, simPartitions),
		state: NewMemoryState(), catalogue: NewMemoryCatalogue(simPartitions), files: NewMemoryFiles(),
		clock: testArrival, acked: map[plainID]bool{},
	}
	w.rules = Rules{Key: Key{byte(seed)}, Generation: 1_000_000, CutRows: 40, CutEpochs: 7, IdleAfter: 30 * time.Second, Types: 3}
	if w.rng.IntN(2) == 0 {
		w.rules.Generation = 40
	}
	w.odds, w.hang = []float64{0, 0.002, 0.01}[w.rng.IntN(3)], []int{4, 100}[w.rng.IntN(2)]
	return w
}

// fate returns a number that decides what happens to a call.
func (w *world) fate() float64 {
	switch {
	case w.killAt > 0 && w.calls == w.killAt && w.after:
		return 1.5 * w.odds
	case w.killAt > 0 && w.calls == w.killAt:
		return 0
	case w.killAt > 0:
		return 5
	}
	return w.rng.Float64()
}

// hung does what workers that hang still have to do.
func (w *world) hung() {
	if len(w.late) > 0 && w.rng.IntN(w.hang) == 0 {
		i := w.rng.IntN(len(w.late))
		do := w.late[i]
		w.late = slices.Delete(w.late, i, i+1)
		_ = do()
	}
}

// do runs a piece of a worker's work, which may kill it.
func (w *world) do(work func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(killed); !ok {
				panic(r)
			}
			w.worker = nil
		}
	}()
	return work(context.Background())
}

// expected are the errors that a worker may return here.
func (w *world) note(err error) {
	if err == nil || fault.CodeOf(err) == CodeStale {
		return
	}
	if !containsAny(err.Error(), errAway.Error(), errFull.Error()) {
		w.fail("unexpected error: %v", err)
	}
}

func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return bytes.Contains([]byte(text), []byte(p)) })
}

func (w *world) fail(format string, args ...any) {
	if w.problem == "" {
		w.problem = fmt.Sprintf(format, args...)
	}
}

// step lets the worker do a piece of work, and starts one if there is none. It returns whether it did something.
func (w *world) step() (worked bool) {
	if w.worker == nil {
		w.ports = &simPorts{world: w}
		w.note(w.do(func(ctx context.Context) (err error) {
			w.worker, err = Open(ctx, w.ports.ports(), w.rules)
			return err
		}))
		return true
	}
	err := w.do(func(ctx context.Context) (err error) {
		worked, err = w.worker.Step(ctx)
		return err
	})
	w.note(err)
	if fault.CodeOf(err) == CodeStale {
		w.worker = nil
	}
	return worked || err != nil || w.worker == nil
}

// send makes a few events of a source, some of them repeats, and appends them.
func (w *world) send() {
	source := simSources[w.rng.IntN(len(simSources))]
	builders := map[int]*pendingRecord{}
	made := map[int]*Builder{}
	for range 1 + w.rng.IntN(8) {
		e := w.event(source.id, source.behind, source.spread)
		n := PartitionOf(w.rules.Key.Fingerprint(source.id, e.ID), simPartitions)
		if made[n] == nil {
			made[n], builders[n] = NewBuilder(source.id, source.lateness, w.clock), &pendingRecord{partition: n}
		}
		if reason, _ := made[n].Add(&e); reason != Accepted {
			made[n].Reject(reason, []byte(e.ID))
			continue
		}
		builders[n].ids = append(builders[n].ids, plainID{source.id, e.ID})
	}
	for n := range simPartitions {
		if made[n] != nil {
			builders[n].record = made[n].Append(nil)
			w.pending = append(w.pending, *builders[n])
		}
	}
}

func (w *world) event(source SourceID, behind, spread time.Duration) Event {
	if len(w.past) > 0 && w.rng.IntN(5) == 0 {
		if old := w.past[max(0, len(w.past)-1-w.rng.IntN(60))]; old.source == source {
			return old.Event
		}
	}
	w.ids++
	e := Event{
		ID: fmt.Sprintf("id-%d", w.ids), Type: fmt.Sprintf("type-%d", w.rng.IntN(5)), User: []string{"", "user-1", "user-2", "user-3"}[w.rng.IntN(4)],
		Anonymous: []string{"", "anonymous-1", "anonymous-2"}[w.rng.IntN(3)],
		Time:      w.clock - Micros(behind.Microseconds()) - Micros(w.rng.Int64N(spread.Microseconds())),
	}
	if w.rng.IntN(20) == 0 {
		e.Time = w.clock + Micros(w.rng.Int64N((25 * time.Hour).Microseconds())) // some are too far ahead
	}
	if w.rng.IntN(2) == 0 {
		e.Values = []Value{{Column: 1, Kind: Integer, Int: w.rng.Int64N(1000) - 500}}
	}
	w.past = append(w.past, simEvent{e, source})
	return e
}

// erase makes an erasure of a user or a visitor, in each partition.
func (w *world) erase() {
	e := Erasure{Before: w.clock, Subjects: []Subject{w.rules.Key.User(fmt.Sprintf("user-%d", 1+w.rng.IntN(3)))}}
	if w.rng.IntN(2) == 0 {
		e.Subjects = []Subject{w.rules.Key.Anonymous("anonymous-1")}
	}
	for n := range simPartitions {
		w.pending = append(w.pending, pendingRecord{partition: n, record: e.Append(nil)})
	}
}

// append appends one record that is not acknowledged yet, in any order. A record whose append failed is sent again.
func (w *world) append() {
	if len(w.pending) == 0 {
		return
	}
	i := w.rng.IntN(len(w.pending))
	p := w.pending[i]
	client := &simPorts{world: w}
	var err error
	worker := w.worker
	if w.do(func(ctx context.Context) error {
		_, err = client.Append(ctx, p.partition, p.record)
		return err
	}) != nil || client.dead {
		w.worker = worker // the client died, or has no answer
		return
	}
	for _, id := range p.ids {
		w.acked[id] = true
	}
	w.pending = slices.Delete(w.pending, i, i+1)
}

func (w *world) tick() {
	w.clock += Micros(w.rng.Int64N(3_000_000))
	switch w.rng.IntN(30) {
	case 0:
		w.clock += Micros((4 * time.Minute).Microseconds())
	case 1:
		w.clock -= Micros((20 * time.Minute).Microseconds()) // clocks go back
	}
	if w.worker == nil {
		return
	}
	w.note(w.do(func(ctx context.Context) error {
		_, err := w.worker.Tick(ctx, w.clock)
		return err
	}))
}

// checkBooks looks at the stores themselves, at this moment.
func (w *world) checkBooks() {
	lines, err := Books(context.Background(), w.stores())
	if err != nil {
		w.fail("books: %v", err)
	}
	for _, l := range lines {
		if !l.Balances() || l.InFlight < 0 || l.Late > l.Stored || l.Erased > l.Stored {
			w.fail("the books do not balance: %+v", l)
		}
	}
	snapshot, _ := w.catalogue.Snapshot(context.Background())
	for _, f := range snapshot.Files {
		sum := int64(0)
		for _, l := range f.Lines {
			sum += l.Stored - l.Erased
		}
		if sum != f.Rows {
			w.fail("file %s has %d rows, and its lines say %d", f.Name, f.Rows, sum)
		}
	}
}

func (w *world) stores() Ports {
	return Ports{Log: w.log, State: w.state, Catalogue: w.catalogue, Files: w.files}
}

// run simulates one schedule and returns the problem that it found.
func (w *world) run(steps int) string {
	for range steps {
		switch n := w.rng.IntN(100); {
		case n < 12:
			w.send()
		case n < 30:
			w.append()
		case n < 40:
			w.tick()
		case n < 41:
			if w.rng.IntN(2) == 0 {
				w.erase()
			}
			w.away = w.rng.IntN(3) == 0
		case n < 42:
			w.full = !w.full && w.rng.IntN(3) == 0
		case n < 45 && w.worker != nil:
			w.note(w.do(w.trim))
		default:
			w.step()
		}
		if w.rng.IntN(10) == 0 {
			w.checkBooks()
		}
		if w.problem != "" {
			return w.problem
		}
	}
	w.settle()
	w.checkBooks()
	w.checkOracle()
	w.checkAgain()
	return w.problem
}

func (w *world) trim(ctx context.Context) error { return w.worker.Trim(ctx) }

// settle sends what is pending, and folds the log until all is in files.
func (w *world) settle() {
	w.full, w.away, w.odds = false, false, 0
	for len(w.pending) > 0 {
		w.append()
	}
	for len(w.late) > 0 {
		w.hung()
	}
	for range 3 * w.rules.CutEpochs {
		w.finish()
		w.tick()
	}
	w.worker = nil // so that the next one sweeps
	w.finish()
}

// finish works until nothing is to be done.
func (w *world) finish() {
	for range 10_000 {
		if w.problem != "" || !w.step() {
			return
		}
	}
	w.fail("the worker does not come to rest")
}

func (w *world) records() [][][]byte { return w.log.records }

// checkOracle compares the stores with what the log says.
func (w *world) checkOracle() {
	want := judge(&w.rules, w.records())
	if w.rules.Generation > 1000 && !reflect.DeepEqual(want.ids, w.acked) {
		w.fail("%d identifiers are stored, and %d were acknowledged", len(want.ids), len(w.acked))
	}
	w.checkWindows(want)
	w.checkFiles(want)
	w.checkReceipts(want)
	for k, b := range want.books {
		if value := w.state.values[string(sourceKey(bookKey, k.Source, k.Minute))]; !bytes.Equal(value, b.encode()) {
			found, _ := decodeBook(value)
			w.fail("book %v is %+v, want %+v", k, found, *b)
		}
	}
	for key, value := range w.state.values {
		if containsAny(key+string(value), "user-", "anonymous-") {
			w.fail("the state holds the identifier of a person, in %q", key)
		}
	}
}

// checkReceipts asks where events are, at the end.
func (w *world) checkReceipts(want *oracle) {
	snapshot, _ := w.catalogue.Snapshot(context.Background())
	for _, e := range w.past[max(0, len(w.past)-20):] {
		r, err := Find(context.Background(), w.stores(), &w.rules, e.source, e.ID)
		if err != nil {
			w.fail("receipt: %v", err)
			return
		}
		_, kept := want.rows[place{r.Partition, r.Offset, r.Row}]
		state := InFlight
		switch {
		case r.Copies == 0:
			state = Unknown // it was rejected
		case !kept:
			state = Gone
		case r.Offset < snapshot.Next[r.Partition]:
			state = InFile
		}
		if r.State != state || (r.File != "") != (state == InFile) || (state == Unknown) == want.ids[plainID{e.source, e.ID}] {
			w.fail("the receipt of %s is %+v, want %s", e.ID, r, state)
		}
	}
}

func (w *world) checkWindows(want *oracle) {
	found := 0
	for key, value := range w.state.values {
		if key[0] != windowKey {
			continue
		}
		found++
		k, err := parseWindowKey([]byte(key))
		got, err2 := decodeWindow(value)
		if err != nil || err2 != nil {
			w.fail("window %q: %v, %v", key, err, err2)
			return
		}
		p := want.windows[k]
		if p == nil {
			w.fail("there is no window %v", k)
			return
		}
		m := Measure{}
		if len(got.Measures) > 0 {
			m = got.Measures[0]
		}
		if got.Revision != p.revision || got.Events != p.events || got.Late != p.late || got.Users.Count() != int64(len(p.users)) ||
			m.Count != p.count || int64(m.Sum.Low) != p.sum || m.Sum.High != p.sum>>63 || m.Min != p.least || m.Max != p.most {
			w.fail("window %v is %+v, want %+v", k, *got, *p)
		}
		if _, ok := w.state.values[string(k.key(openKey))]; ok == (got.Revision > 0) {
			w.fail("window %v of revision %d is open: %t", k, got.Revision, ok)
		}
	}
	if found != len(want.windows) {
		w.fail("%d windows, want %d", found, len(want.windows))
	}
}

// checkFiles compares the rows of the catalogue's files with what has to be in them.
func (w *world) checkFiles(want *oracle) {
	snapshot, _ := w.catalogue.Snapshot(context.Background())
	rows, names := map[place]bool{}, []string{}
	for _, f := range snapshot.Files {
		if f.Name == "" {
			continue
		}
		names = append(names, f.Name)
		found, err := w.files.Rows(f.Name)
		if err != nil || int64(len(found)) != f.Rows {
			w.fail("file %s has %d rows and the catalogue says %d: %v", f.Name, len(found), f.Rows, err)
		}
		for _, r := range found {
			at := place{r.Partition, r.Offset, r.Row}
			if event, ok := want.rows[at]; rows[at] || !ok || !reflect.DeepEqual(event, r.Event) {
				w.fail("file %s has row %v twice (%t), or it must not have it", f.Name, at, rows[at])
			}
			rows[at] = true
		}
	}
	for at := range want.rows {
		if at.at < snapshot.Next[at.partition] && !rows[at] {
			w.fail("row %v is in no file", at)
		}
	}
	slices.Sort(names)
	if there, _ := w.files.List(context.Background()); !slices.Equal(there, names) {
		w.fail("the files are %v, and the catalogue has %v", there, names)
	}
}

// checkAgain folds the log a second time, with reads of other sizes and without a failure, and compares every byte.
func (w *world) checkAgain() {
	if w.problem != "" {
		return
	}
	again := newWorld(w.rng.Uint64())
	again.rules, again.log, again.odds = w.rules, w.log, 0
	again.finish()
	again.worker = nil
	again.finish()
	if again.problem != "" {
		w.fail("again: %s", again.problem)
	}
	w.compare(again)
}

func (w *world) compare(again *world) {
	for key, value := range w.state.values {
		if !bytes.Equal(again.state.values[key], value) {
			w.fail("folded again, %q is %x, and was %x", key, again.state.values[key], value)
		}
	}
	if len(again.state.values) != len(w.state.values) || again.state.epoch != w.state.epoch {
		w.fail("folded again, the state has %d keys at epoch %d, and had %d at %d", len(again.state.values), again.state.epoch, len(w.state.values), w.state.epoch)
	}
	if !reflect.DeepEqual(again.files.files, w.files.files) {
		w.fail("folded again, the files are other ones")
	}
	if !reflect.DeepEqual(again.catalogue.files, w.catalogue.files) || !slices.Equal(again.catalogue.next, w.catalogue.next) {
		w.fail("folded again, the catalogue is another one")
	}
}

// seeds returns how many schedules to try.
func seeds(short int) uint64 {
	if n, err := strconv.ParseUint(os.Getenv("ANALYTICS_SEEDS"), 10, 64); err == nil {
		return n
	}
	if os.Getenv("STRESS") != "" {
		return 20_000
	}
	return uint64(short)
}

func TestEachEventIsCountedOnce(t *testing.T) {
	first, _ := strconv.ParseUint(os.Getenv("ANALYTICS_SEED"), 10, 64)
	n := seeds(40)
	for seed := first; seed < first+n; seed++ {
		if problem := newWorld(seed).run(2000); problem != "" {
			t.Fatalf("ANALYTICS_SEED=%d ANALYTICS_SEEDS=1: %s", seed, problem)
		}
	}
}

// TestACrashAtAnyCallChangesNothing folds one log, and kills the worker at each call of a port in turn, before and after
// what the call does.
func TestACrashAtAnyCallChangesNothing(t *testing.T) {
	calm := newWorld(1)
	calm.odds = 0
	if problem := calm.run(400); problem != "" {
		t.Fatal(problem)
	}
	for call := 1; ; call++ {
		for _, after := range []bool{false, true} {
			w := newWorld(1)
			w.rules, w.log, w.odds, w.killAt, w.after = calm.rules, calm.log, 0.1, call, after
			w.finish()
			for len(w.late) > 0 {
				w.hung()
			}
			w.worker = nil
			w.finish()
			w.compare(calm)
			if w.problem != "" {
				t.Fatalf("killed at call %d (after it: %t): %s", call, after, w.problem)
			}
			if w.calls < call {
				t.Logf("%d calls", call-1)
				return
			}
		}
	}
}
