package analytics

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/golden"
)

// TestTheStateKeepsItsForm pins what is stored. Another form needs another stateVersion, a migration, and a word to operators.
func TestTheStateKeepsItsForm(t *testing.T) {
	w := newWorld(1)
	w.odds = 0
	w.rules = Rules{Key: Key{1, 2, 3}, Generation: 2, CutRows: 2, CutEpochs: 3, IdleAfter: time.Second, Types: 1}
	b := NewBuilder("import", NeverLate, testArrival)
	for i := range 3 {
		b.Add(&Event{Time: testArrival - Micros(i)<<50, Type: fmt.Sprint("type-", i), ID: fmt.Sprint(i), User: "user-1"})
	}
	erasure := Erasure{Before: testArrival, Subjects: []Subject{w.rules.Key.User("user-1")}}
	for n, records := range [][][]byte{{goldenBatch(), nil, goldenBatch()}, {b.Append(nil), nil, erasure.Append(nil)}} {
		for i, record := range append(records, nil, nil) {
			if record == nil {
				record = Tick{Epoch: int64(i), At: testArrival + Micros(i)*1_000_000}.Append(nil)
			}
			_, err := w.log.Append(t.Context(), n, record)
			mustDo(t, err)
		}
	}
	w.finish()
	if w.problem != "" {
		t.Fatal(w.problem)
	}
	var dump strings.Builder
	for _, key := range slices.Sorted(maps.Keys(w.state.values)) {
		fmt.Fprintf(&dump, "%x %x\n", key, w.state.values[key])
	}
	golden.Assert(t, dump.String(), "state.txt")
}

func FuzzState(f *testing.F) {
	f.Add([]byte{stateVersion})
	f.Add((&head{Parts: []partState{{Next: 5, Live: []Offset{0}, Lines: []Line{{Stored: 1}}}}, Sources: map[SourceID]sourceState{"web": {}}}).encode())
	few, many := &Window{Events: 3}, &Window{}
	few.measure(1, Integer).add(-5)
	for i := range uint64(100) {
		many.Users.add(i * 0x9e3779b97f4a7c15)
	}
	f.Add(few.encode())
	f.Add(many.encode())
	f.Fuzz(func(t *testing.T, value []byte) {
		if h, err := decodeHead(value); err == nil {
			again, err := decodeHead(h.encode())
			if err != nil || !bytes.Equal(again.encode(), h.encode()) {
				t.Errorf("head %+v is %+v: %v", h, again, err)
			}
		}
		if w, err := decodeWindow(value); err == nil {
			again, err := decodeWindow(w.encode())
			if err != nil || !bytes.Equal(again.encode(), w.encode()) {
				t.Errorf("window %+v is %+v: %v", w, again, err)
			}
		}
		if b, err := decodeBook(value); err == nil {
			if again, err := decodeBook(b.encode()); err != nil || again != b {
				t.Errorf("book %+v is %+v: %v", b, again, err)
			}
		}
		_, _ = parseWindowKey(value)
		_, _ = decodeCut(value, value)
	})
}

// TestDistinctUsersAreCounted compares the estimate with the truth, and with one that is merged of parts.
func TestDistinctUsersAreCounted(t *testing.T) {
	key := Key{7}
	for _, users := range []int{0, 1, 63, 64, 65, 1000, 100_000} {
		var whole Distinct
		parts := make([]Distinct, 3)
		for i := range 2 * users {
			hash := key.of(ofUser, fmt.Append(nil, i%max(1, users)))
			whole.add(hash)
			parts[i%3].add(hash)
		}
		merged := &Distinct{}
		for i := range parts {
			merged.merge(&parts[2-i])
		}
		a, b := &Window{Users: whole}, &Window{Users: *merged}
		if !bytes.Equal(a.encode(), b.encode()) {
			t.Errorf("%d users give other bytes when they are merged", users)
		}
		if got := float64(a.Users.Count()); got < 0.9*float64(users) || got > 1.1*float64(users) || users < 2 && got != float64(users) {
			t.Errorf("%d users are estimated as %.0f", users, got)
		}
	}
}

// TestSumsAreWholeNumbers adds up more than 64 bits hold.
func TestSumsAreWholeNumbers(t *testing.T) {
	var up, down Sum
	for range 4 {
		up.Add(1<<63 - 1)
		down.Add(-1 << 63)
	}
	if up != (Sum{High: 1, Low: 1<<64 - 4}) || down != (Sum{High: -2, Low: 0}) {
		t.Errorf("the sums are %+v and %+v", up, down)
	}
	up.add(down.High, down.Low)
	if up != (Sum{High: -1, Low: 1<<64 - 4}) { // -4
		t.Errorf("the sum of both is %+v", up)
	}
}
