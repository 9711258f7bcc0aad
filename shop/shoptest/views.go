package shoptest

import (
	"fmt"
	"testing"
	"time"

	"agora/ident"
	"agora/shop"
)

// Views is the suite of shop.OrderViews. open returns an empty read model that the test's cleanup closes.
func Views(t *testing.T, open func(t *testing.T) shop.OrderViews) {
	t.Run("only a newer version replaces a stored one", func(t *testing.T) { testViewVersions(t, open(t)) })
	t.Run("a user's orders are listed newest first, in pages", func(t *testing.T) { testViewsByUser(t, open(t)) })
	t.Run("an audit sees every order", func(t *testing.T) { testEachView(t, open(t)) })
}

func view(user string, second int, version uint64) shop.Order {
	at := start.Add(time.Duration(second) * time.Second)
	o := Placement("", "A").Order
	o.ID, o.UserID, o.Version, o.PlacedAt = ident.At(ident.Order, at, zeroes{}), user, version, at
	return o
}

// zeroes is a source of random bits that are all zero, for identifiers that depend on the time only.
type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func save(t *testing.T, v shop.OrderViews, orders ...shop.Order) {
	t.Helper()
	if err := v.SaveViews(t.Context(), orders); err != nil {
		t.Fatal(err)
	}
}

func testViewVersions(t *testing.T, v shop.OrderViews) {
	first, second := view("usr_1", 1, 1), view("usr_1", 1, 2)
	second.State = shop.Confirmed
	save(t, v, second)
	save(t, v, first)
	got, err := v.Views(t.Context(), []string{first.ID, ident.New(ident.Order)})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(second) {
		t.Errorf("views = %+v, want version 2 alone", got)
	}
	third := view("usr_1", 1, 3)
	save(t, v, third)
	if got, _ := v.Views(t.Context(), []string{first.ID}); len(got) != 1 || got[0].Version != 3 {
		t.Errorf("views = %+v, want version 3", got)
	}
}

func testViewsByUser(t *testing.T, v shop.OrderViews) {
	for i := range 5 {
		save(t, v, view("usr_1", 10+i, 1), view("usr_2", 20+i, 1))
	}
	var got []int
	before := ""
	for range 4 {
		page, err := v.ViewsByUser(t.Context(), "usr_1", before, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page {
			if o.UserID != "usr_1" {
				t.Errorf("an order of %s is among them", o.UserID)
			}
			got = append(got, int(o.PlacedAt.Sub(start)/time.Second))
			before = o.ID
		}
	}
	if fmt.Sprint(got) != "[14 13 12 11 10]" {
		t.Errorf("orders placed at seconds %v, want [14 13 12 11 10]", got)
	}
	if page, err := v.ViewsByUser(t.Context(), "usr_3", "", 2); err != nil || len(page) != 0 {
		t.Errorf("a user without orders has %d, %v", len(page), err)
	}
}

func testEachView(t *testing.T, v shop.OrderViews) {
	for i := range 25 {
		save(t, v, view(fmt.Sprintf("usr_%d", i), i, 1))
	}
	if n := count(t, t.Context(), v.EachView, func(o shop.Order) bool { return o.Version == 1 }); n != 25 {
		t.Errorf("visited %d of 25 orders", n)
	}
}
