package shoptest

import (
	"testing"
	"time"

	"agora/pattern/outbox"
	"agora/pattern/outbox/outboxtest"
	"agora/pattern/saga"
	"agora/pattern/saga/sagatest"
	"agora/shop"
)

// sagaFixture returns an order store as a saga.Store. A saga begins when its order is placed, and ends when it is confirmed.
func sagaFixture(t *testing.T, s shop.OrderStore) sagatest.Fixture {
	setStock(t, s, 50, "A")
	placed := map[string]shop.Placement{}
	return sagatest.Fixture{
		Store: s,
		Begin: func(t *testing.T, due time.Time) saga.Record {
			t.Helper()
			p := Placement("", "A")
			p.Saga.Due = due
			mustPlace(t, s, p)
			placed[p.Order.ID] = p
			return *p.Saga
		},
		End: func(t *testing.T, id string) {
			t.Helper()
			if err := s.Advance(t.Context(), Confirmation(placed[id])); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// outboxFixture returns an order store as an outbox.Source. Each placed order adds a message.
func outboxFixture(s shop.OrderStore) outboxtest.Fixture {
	return outboxtest.Fixture{
		Source: s,
		Add: func(t *testing.T) outbox.Message {
			t.Helper()
			p := Placement("")
			if claim, err := s.Place(t.Context(), p); err != nil || claim != nil {
				t.Errorf("place = %+v, %v; want it stored", claim, err)
			}
			return outbox.Message{ID: p.Order.ID + "/1", Key: p.Order.ID, Kind: shop.OrderPlaced, At: start}
		},
	}
}

func testRelay(t *testing.T, s shop.OrderStore) {
	setStock(t, s, 5, "A")
	mustPlace(t, s, Placement("", "A"))
	messages, err := s.Pending(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(messages) != 1 || messages[0].ID != "stock/A/1" || messages[0].Key != "stock/A" || messages[0].Kind != shop.StockChanged {
		t.Fatalf("first message = %+v", messages)
	}
	if err := s.Relayed(t.Context(), messages[0].Seq); err != nil {
		t.Fatal(err)
	}
	if newest, relayed, err := s.Relay(t.Context()); err != nil || newest != relayed+1 {
		t.Errorf("relay = %d of %d, %v; want one that is not relayed", relayed, newest, err)
	}
}
