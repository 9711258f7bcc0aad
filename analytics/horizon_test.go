package analytics

import (
	"fmt"
	"slices"
	"testing"
)

// TestTheHorizonIsWhereRepeatsAreFound fills generations of two identifiers, one an epoch, and repeats each identifier.
func TestTheHorizonIsWhereRepeatsAreFound(t *testing.T) {
	w := newWorld(1)
	w.odds, w.log, w.catalogue = 0, NewMemoryLog(1), NewMemoryCatalogue(1)
	w.rules.Generation, w.rules.CutRows = 2, 2
	send := func(arrival Micros, ids ...int) {
		b := NewBuilder("web", NeverLate, arrival)
		for _, id := range ids {
			b.Add(&Event{Time: arrival, Type: "t", ID: fmt.Sprint(id)})
		}
		_, err := w.log.Append(t.Context(), 0, b.Append(nil))
		mustDo(t, err)
	}
	for epoch := range 10 {
		at := testArrival + Micros(epoch)*1_000_000
		send(at, 2*epoch, 2*epoch+1)
		_, err := w.log.Append(t.Context(), 0, Tick{Epoch: int64(epoch + 1), At: at}.Append(nil))
		mustDo(t, err)
		w.finish()
	}
	horizons, err := Horizons(t.Context(), w.stores(), &w.rules)
	// Five generations count: the one that is empty, and those of the epochs 6 to 9.
	want := []Horizon{{Partition: 0, From: 12, Since: testArrival + 6_000_000, Identifiers: 8}}
	if err != nil || !slices.Equal(horizons, want) {
		t.Fatalf("Horizons = %+v, %v; want %+v", horizons, err, want)
	}
	send(testArrival, 11, 12, 19) // 11 is older
	w.tick()
	w.finish()
	lines, err := Books(t.Context(), w.stores())
	if err != nil || lines[0].Duplicate != 2 || lines[0].Accepted != 23 {
		t.Errorf("the books are %+v, %v; want two duplicates", lines, err)
	}
}
