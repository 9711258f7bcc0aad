package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"agora/pattern/journal"
	"agora/pattern/journal/journaltest"
)

func TestMemory(t *testing.T) {
	journaltest.Run(t, func(*testing.T) journaltest.Journal { return &journal.Memory{} })
}

func TestFoldSaysWhereItStopped(t *testing.T) {
	var j journal.Memory
	if err := j.Append(t.Context(), journal.Entry{Stream: "a", Version: 1}, journal.Entry{Stream: "a", Version: 2}); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("does not parse")
	snapshot, err := journal.Fold(t.Context(), &j, journal.Snapshot[int]{}, func(n int, e journal.Entry) (int, error) {
		if e.Version == 2 {
			return 0, broken
		}
		return n + 1, nil
	})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "journal entry 2 (a 2)") {
		t.Errorf("error = %v, want the cause and the entry's place", err)
	}
	if snapshot.State != 1 || snapshot.Seq != 1 {
		t.Errorf("snapshot = %+v, want the state before the broken entry", snapshot)
	}
}

// A balance is a fold over what happened.
func ExampleFold() {
	ctx := context.Background()
	var j journal.Memory
	_ = j.Append(ctx,
		journal.Entry{Stream: "till", Version: 1, Kind: "paid", Body: []byte("1999")},
		journal.Entry{Stream: "till", Version: 2, Kind: "refunded", Body: []byte("-500")})

	balance, err := journal.Fold(ctx, &j, journal.Snapshot[int]{}, func(sum int, e journal.Entry) (int, error) {
		amount, err := strconv.Atoi(string(e.Body))
		return sum + amount, err
	})
	fmt.Println(balance.State, err)
	// Output: 1499 <nil>
}
