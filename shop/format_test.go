package shop

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"gotest.tools/v3/golden"

	"agora/pattern/cache"
	"agora/pattern/eventlog"
	"agora/pattern/journal"
	"agora/telemetry"
)

// The tests of this file pin stored and served formats by golden files in testdata, because existing data folders and
// clients depend on them. docs/upgrading.md says how to change one.

var (
	pinnedAt    = time.Date(2026, 3, 14, 15, 9, 26, 535897000, time.UTC)
	pinnedLines = []Line{
		{ProductID: "prd_01jd8q6m3k9v2n4x7y5z8w1t0c", SKU: "LAMP-01", Seller: "usr_01jd8q6m3k9v2n4x7y5z8w1t0d", Name: "Desk lamp <\"ä\">",
			Quantity: 3, Cancelled: 1, Price: Money{1999, "EUR"}},
		{ProductID: "prd_01jd8q6m3k9v2n4x7y5z8w1t0e", SKU: "MUG-7", Seller: "usr_01jd8q6m3k9v2n4x7y5z8w1t0d", Name: "Mug",
			Quantity: 2, Cancelled: 2, Price: Money{450, "EUR"}},
	}
	pinnedRefund = Refund{ID: "ref_01jd8q6m3k9v2n4x7y5z8w1t0f", Amount: Money{2449, "EUR"}, Paid: true, At: pinnedAt.Add(time.Hour)}
	pinnedOrder  = Order{
		ID: "ord_01jd8q6m3k9v2n4x7y5z8w1t0g", UserID: "usr_01jd8q6m3k9v2n4x7y5z8w1t0h", State: Cancelled, Reason: ReasonCustomer,
		Payment: PaymentPaid, Lines: pinnedLines, Total: Money{6897, "EUR"}, Refunds: []Refund{pinnedRefund}, Version: 4,
		PlacedAt: pinnedAt, UpdatedAt: pinnedAt.Add(2 * time.Hour), HoldUntil: pinnedAt.Add(15 * time.Minute), Reference: "536365",
	}
	pinnedPostings = []Posting{
		{Account: Held, SKU: "LAMP-01", Amount: -3}, {Account: Sold, SKU: "LAMP-01", Amount: 3},
		{Account: Sales, Currency: "EUR", Amount: -6897}, {Account: GatewayAccount, Currency: "EUR", Amount: 6897},
	}
	pinnedCard = Card{
		ID: "prd_01jd8q6m3k9v2n4x7y5z8w1t0c", SKU: "LAMP-01", Seller: "usr_01jd8q6m3k9v2n4x7y5z8w1t0d", Name: "Desk lamp <\"ä\">",
		Price: Money{1999, "EUR"}, Categories: []string{"home-decor", "lighting"}, Attributes: map[string]string{"color": "red", "foot": "heavy"},
		Image: "https://images.example/lamp.jpg", InventoryCount: 100, Rating: Rating{Count: 2, Sum: 9, Average: 4.5}, CreatedAt: pinnedAt, Position: 7,
	}
	pinnedReview = Review{
		ID: "rev_01jd8q6m3k9v2n4x7y5z8w1t0j", ProductID: pinnedCard.ID, User: pinnedOrder.UserID, Rating: 5,
		Text: "It gives light.\nA lot of it.", CreatedAt: pinnedAt, Number: 2,
	}
	pinnedProduct = Product{
		ID: pinnedCard.ID, SKU: pinnedCard.SKU, Seller: pinnedCard.Seller, Name: pinnedCard.Name, Description: "A lamp for the desk.",
		Price: pinnedCard.Price, Categories: pinnedCard.Categories, Attributes: pinnedCard.Attributes, Images: []string{pinnedCard.Image},
		InventoryCount: 100, Rating: pinnedCard.Rating, LatestReviews: []Review{pinnedReview}, Version: 3,
		CreatedAt: pinnedAt, UpdatedAt: pinnedAt.Add(time.Hour), Revision: 12,
	}
)

// pinnedFacts has a fact of each kind, with all fields that the kind can have.
var pinnedFacts = map[string]Fact{
	OrderPlaced:    {Order: &pinnedOrder, Postings: pinnedPostings[:2]},
	OrderConfirmed: {Postings: pinnedPostings},
	OrderReduced:   {Lines: []LineUnits{{Line: 1, Quantity: 2}}, Refund: &pinnedRefund, Postings: pinnedPostings},
	OrderCancelled: {Reason: ReasonShort, Refund: &pinnedRefund, Postings: pinnedPostings},
	OrderRefunded:  {Refund: &pinnedRefund, Postings: pinnedPostings[2:]},
	OrderVoided:    {},
	OrderImported:  {Order: &pinnedOrder, Postings: pinnedPostings},
	CreditImported: {Credit: &Credit{
		ID: "crd_1", UserID: pinnedOrder.UserID, Lines: pinnedLines, Amount: Money{900, "EUR"}, At: pinnedAt, Reference: "C536379",
	}, Postings: pinnedPostings},
	StockChanged: {SKU: "LAMP-01", Change: -4, Note: "broken in the warehouse", Postings: pinnedPostings[:2]},
}

// pin fails the test unless the value is encoded to the bytes of the golden file, and the bytes are decoded to the value.
func pin[T any](t *testing.T, file string, value T, encode func(T) []byte, decode func([]byte) (T, error)) {
	t.Helper()
	golden.AssertBytes(t, encode(value), file)
	decoded, err := decode(golden.Get(t, file))
	if err != nil {
		t.Fatalf("%s cannot be decoded: %v", file, err)
	}
	if !reflect.DeepEqual(decoded, value) {
		t.Errorf("%s is decoded to\n%+v, want\n%+v", file, decoded, value)
	}
	golden.AssertBytes(t, encode(decoded), file)
}

// checkAllSet fails the test for each field, at any depth, that has its zero value, because a golden file would not pin it.
func checkAllSet(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	switch {
	case v.IsZero():
		t.Errorf("%s is not set: the golden file does not pin it", path)
	case v.Type() == reflect.TypeFor[time.Time]():
	case v.Kind() == reflect.Pointer:
		checkAllSet(t, path, v.Elem())
	case v.Kind() == reflect.Slice:
		checkAllSet(t, path+"[0]", v.Index(0))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			checkAllSet(t, path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	}
}

func mustJSON[T any](v T) []byte {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return encoded
}

func fromJSON[T any](encoded []byte) (v T, err error) {
	err = json.Unmarshal(encoded, &v)
	return v, err
}

func TestOrderFormat(t *testing.T) {
	checkAllSet(t, "Order", reflect.ValueOf(pinnedOrder))
	pin(t, "order.json", pinnedOrder, func(o Order) []byte {
		stored, err := EncodeOrder(o)
		if err != nil {
			t.Fatal(err)
		}
		return stored
	}, DecodeOrder)
}

func TestFactFormats(t *testing.T) {
	// Each field of a fact has to be set in at least one kind.
	fact := reflect.ValueOf(Fact{})
	for i := range fact.NumField() {
		set := false
		for _, f := range pinnedFacts {
			set = set || !reflect.ValueOf(f).Field(i).IsZero()
		}
		if !set {
			t.Errorf("no pinned fact has a %s", fact.Type().Field(i).Name)
		}
	}
	checkAllSet(t, "Credit", reflect.ValueOf(pinnedFacts[CreditImported].Credit))
	for kind, fact := range pinnedFacts {
		t.Run(kind, func(t *testing.T) {
			pin(t, "fact."+kind+".json", fact, func(f Fact) []byte {
				return entry("stream", 1, kind, pinnedAt, f).Body
			}, DecodeFact)
		})
	}
}

func TestEventFormat(t *testing.T) {
	for kind, fact := range pinnedFacts {
		t.Run(kind, func(t *testing.T) {
			e := entry(`stock/"LAMP-01" <&>`, 3, kind, pinnedAt, fact)
			e.Seq = 99
			message := Messages([]journal.Entry{e})[0]
			if message.Seq != 99 || message.ID != `stock/"LAMP-01" <&>/3` || message.Key != e.Stream || message.Kind != kind || !message.At.Equal(pinnedAt) {
				t.Errorf("the head of the event is %+v", message)
			}
			golden.AssertBytes(t, message.Body, "event."+kind+".json")
			events, err := DecodeEvents([]eventlog.Message{{Record: eventlog.Record{Value: golden.Get(t, "event."+kind+".json")}}})
			if err != nil {
				t.Fatal(err)
			}
			want := Event{Kind: kind, Stream: e.Stream, Version: 3, At: pinnedAt, Fact: fact}
			if !reflect.DeepEqual(events[0], want) {
				t.Errorf("the event is decoded to\n%+v, want\n%+v", events[0], want)
			}
		})
	}
}

func TestCardFormat(t *testing.T) {
	checkAllSet(t, "Card", reflect.ValueOf(pinnedCard))
	pin(t, "card.bin", pinnedCard, EncodeCard, func(stored []byte) (Card, error) {
		// Stores have columns for these fields.
		card := Card{
			Price: pinnedCard.Price, InventoryCount: pinnedCard.InventoryCount, Rating: pinnedCard.Rating, Position: pinnedCard.Position,
		}
		err := DecodeCard(stored, &card)
		return card, err
	})
	golden.AssertBytes(t, mustJSON(pinnedCard), "card.json") // the form in search results
}

func TestProductFormat(t *testing.T) {
	checkAllSet(t, "Product", reflect.ValueOf(pinnedProduct))
	pin(t, "product.json", pinnedProduct, mustJSON, func(stored []byte) (Product, error) {
		p, err := fromJSON[Product](stored)
		if err == nil { // stores have columns for these fields
			p.Revision, p.LatestReviews[0].Number = pinnedProduct.Revision, pinnedReview.Number
		}
		return p, err
	})
}

func TestCachedPageFormat(t *testing.T) {
	store := cache.NewMemory(1 << 20)
	defer store.Close()
	catalog := NewCatalog(oneProduct{product: pinnedProduct}, CatalogOptions{})
	pages := NewPages(store, catalog, PagesOptions{TTL: time.Hour, Metrics: telemetry.NewMetrics()})
	want := Page{ETag: pinnedProduct.ETag(), Keys: pinnedProduct.ID + " " + pinnedProduct.Seller, Document: mustJSON(pinnedProduct)}
	for range 2 { // first loaded, then from the cache
		page, err := pages.Page(t.Context(), pinnedProduct.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(page, want) {
			t.Errorf("the page is %+v, want %+v", page, want)
		}
	}
	pin(t, "page.bin", want, encodePage, decodePage)
}

// oneProduct is a catalogue store of one product.
type oneProduct struct {
	CatalogStore
	product Product
}

func (s oneProduct) Product(context.Context, string) (Product, error) { return s.product, nil }

func TestCachedOfferFormat(t *testing.T) {
	offer := Offer{ProductID: pinnedCard.ID, SKU: "LAMP-01", Seller: pinnedCard.Seller, Name: "Desk lamp", Price: Money{1999, "EUR"}}
	checkAllSet(t, "Offer", reflect.ValueOf(offer))
	pin(t, "offer.json", offer, mustJSON, fromJSON)
}

func TestCursorFormats(t *testing.T) {
	pinCursor(t, "reviews", reviewCursor{Number: 7})
	pinCursor(t, "ordered", orderedCursor{Price: 1999, Position: 12})
	pinCursor(t, "ranked", rankedCursor{Phase: 1, Start: 12, Score: -3, Position: 9})
	pinCursor(t, "orders", orderCursor{ID: pinnedOrder.ID})
}

func pinCursor[T any](t *testing.T, name string, position T) {
	t.Helper()
	checkAllSet(t, name, reflect.ValueOf(position))
	pin(t, "cursor."+name+".txt", position, func(position T) []byte {
		return []byte(encodeCursor("scope of the list", position))
	}, func(cursor []byte) (position T, err error) {
		given, err := decodeCursor("scope of the list", string(cursor), &position)
		if !given && err == nil {
			err = fmt.Errorf("the cursor %q is decoded as the empty cursor", cursor)
		}
		return position, err
	})
}

func TestRequestHashFormat(t *testing.T) {
	request := OrderRequest{Lines: []LineRequest{{ProductID: pinnedCard.ID, Quantity: 3}, {ProductID: pinnedLines[1].ProductID, Quantity: 1}}}
	golden.Assert(t, hex.EncodeToString(hashRequest(request)), "request-hash.txt")
}
