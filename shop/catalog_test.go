package shop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"agora/fault"
	"agora/shop"
	"agora/shop/shoptest"
)

func TestMemoryCatalog(t *testing.T) {
	shoptest.Catalog(t, func(*testing.T) shop.CatalogStore { return shop.NewMemoryCatalog() })
}

var (
	potter  = shop.Actor{ID: "usr_potter"}
	weaver  = shop.Actor{ID: "usr_weaver"}
	admin   = shop.Actor{ID: "usr_admin", Admin: true}
	visitor = shop.Actor{}
)

func draft(sku string) shop.ProductDraft {
	return shop.ProductDraft{SKU: sku, Name: "Enamel mug", Price: shop.Money{Amount: 1999, Currency: "USD"}}
}

// newCatalog returns a catalogue, and the products that it passes to its hook Changed.
func newCatalog() (catalog *shop.Catalog, changed *[]string) {
	changed = &[]string{}
	return shop.NewCatalog(shop.NewMemoryCatalog(), shop.CatalogOptions{Changed: func(_ context.Context, ids ...string) {
		*changed = append(*changed, ids...)
	}}), changed
}

func mustCreate(t *testing.T, catalog *shop.Catalog, actor shop.Actor, d shop.ProductDraft) shop.Product {
	t.Helper()
	p, err := catalog.Create(t.Context(), actor, d)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCreate(t *testing.T) {
	catalog, changed := newCatalog()
	p := mustCreate(t, catalog, potter, draft("MUG-1"))
	if p.Seller != potter.ID || p.Version != 1 || p.CreatedAt.IsZero() || p.UpdatedAt != p.CreatedAt {
		t.Errorf("created %+v, want version 1 of the actor", p)
	}
	if got, err := catalog.Get(t.Context(), p.ID); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("Get = %+v, %v, want %+v", got, err, p)
	}
	_, err := catalog.Create(t.Context(), weaver, draft("MUG-1"))
	if !fault.Is(err, fault.Conflict) || fault.CodeOf(err) != "sku_taken" {
		t.Errorf("the same SKU again: %v, want a conflict sku_taken", err)
	}
	if len(*changed) != 0 {
		t.Errorf("changed = %v, want none: a new product changes no stored document", *changed)
	}
}

func TestDraftNamesEveryOffendingField(t *testing.T) {
	long := strings.Repeat("x", 20_000)
	tests := []struct {
		name   string
		change func(*shop.ProductDraft)
		want   []string
	}{
		{"empty", func(d *shop.ProductDraft) { *d = shop.ProductDraft{} }, []string{"sku", "name", "price.currency"}},
		{"long", func(d *shop.ProductDraft) { d.SKU, d.Name, d.Description = long, long, long }, []string{"sku", "name", "description"}},
		{"SKU with a space", func(d *shop.ProductDraft) { d.SKU = "A 1" }, []string{"sku"}},
		{"SKU not printable", func(d *shop.ProductDraft) { d.SKU = "A\x00" }, []string{"sku"}},
		{"SKU not UTF-8", func(d *shop.ProductDraft) { d.SKU = "A\xff" }, []string{"sku"}},
		{"blank name", func(d *shop.ProductDraft) { d.Name = " \t" }, []string{"name"}},
		{"control character", func(d *shop.ProductDraft) { d.Description = "a\x1bb" }, []string{"description"}},
		{"line break in the name", func(d *shop.ProductDraft) { d.Name, d.Description = "a\nb", "a\r\n\tb" }, []string{"name"}},
		{"tab in an attribute", func(d *shop.ProductDraft) { d.Attributes = map[string]string{"a": "b\tc"} }, []string{"attributes.a"}},
		{"negative price", func(d *shop.ProductDraft) { d.Price.Amount = -1 }, []string{"price.amount"}},
		{"enormous price", func(d *shop.ProductDraft) { d.Price.Amount = 1 << 60 }, []string{"price.amount"}},
		{"unknown currency", func(d *shop.ProductDraft) { d.Price.Currency = "usd" }, []string{"price.currency"}},
		{"categories", func(d *shop.ProductDraft) { d.Categories = []string{"ok", "Not", "a--b", "ok", ""} },
			[]string{"categories[1]", "categories[2]", "categories[3]", "categories[4]"}},
		{"too many categories", func(d *shop.ProductDraft) {
			for i := range 17 {
				d.Categories = append(d.Categories, fmt.Sprint("c", i))
			}
		}, []string{"categories"}},
		{"attributes", func(d *shop.ProductDraft) { d.Attributes = map[string]string{"": "x", "b": long, "a": "\x00"} },
			[]string{"attributes.", "attributes.a", "attributes.b"}},
		{"images", func(d *shop.ProductDraft) {
			d.Images = []string{"https://example.com/a.jpg", "/a.jpg", "ftp://example.com/a", "https://%zz",
				"https://user@example.com/a.jpg", "https://user:secret@example.com/a.jpg"}
		}, []string{"images[1]", "images[2]", "images[3]", "images[4]", "images[5]"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := draft("OK")
			tt.change(&d)
			catalog, _ := newCatalog()
			_, err := catalog.Create(t.Context(), potter, d)
			if got := offending(err); !slices.Equal(got, tt.want) {
				t.Errorf("offending fields %q, want %q (%v)", got, tt.want, err)
			}
		})
	}
}

// offending returns the fields that an Invalid fault names, each once.
func offending(err error) []string {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.Invalid {
		return nil
	}
	var names []string
	for _, f := range e.Fields {
		names = append(names, f.Name)
	}
	return slices.Compact(names)
}

func TestReplace(t *testing.T) {
	catalog, changed := newCatalog()
	p := mustCreate(t, catalog, potter, draft("MUG-1"))
	better := draft("MUG-1")
	better.Name = "Better mug"
	otherSKU := draft("MUG-2")
	invalid := draft("MUG-1")
	invalid.Name = ""
	tests := []struct {
		name    string
		actor   shop.Actor
		id      string
		version int64
		draft   shop.ProductDraft
		want    fault.Kind
	}{
		{"by another user", weaver, p.ID, 1, better, fault.Denied},
		{"without an account", visitor, p.ID, 1, better, fault.Denied},
		{"of an unknown product", potter, "prd_none", 1, better, fault.NotFound},
		{"another version", potter, p.ID, 2, better, fault.Stale},
		{"another SKU", potter, p.ID, 1, otherSKU, fault.Invalid},
		{"an invalid draft", potter, p.ID, 1, invalid, fault.Invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := catalog.Replace(t.Context(), tt.actor, tt.id, tt.version, tt.draft); !fault.Is(err, tt.want) {
				t.Errorf("error = %v, want the kind %v", err, tt.want)
			}
			if got, err := catalog.Get(t.Context(), p.ID); err != nil || !reflect.DeepEqual(got, p) {
				t.Errorf("the product is now %+v, %v", got, err)
			}
		})
	}
	if len(*changed) != 0 {
		t.Errorf("changed = %v after changes that failed", *changed)
	}
	for i, actor := range []shop.Actor{potter, admin} {
		got, err := catalog.Replace(t.Context(), actor, p.ID, int64(i)+1, better)
		if err != nil || got.Version != int64(i)+2 || got.Name != better.Name || got.Seller != potter.ID {
			t.Errorf("replaced by %s: %+v, %v", actor.ID, got, err)
		}
	}
	if want := []string{p.ID, p.ID}; !slices.Equal(*changed, want) {
		t.Errorf("changed = %v, want %v", *changed, want)
	}
}

func TestEncodedChangesWithItsETag(t *testing.T) {
	catalog, changed := newCatalog()
	p := mustCreate(t, catalog, potter, draft("MUG-1"))
	seen := map[string]string{}
	read := func(after string, differs bool) {
		t.Helper()
		document, etag, err := catalog.Encoded(t.Context(), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		before, known := seen[etag]
		if known == differs {
			t.Errorf("after %s: ETag %s was seen before: %v, want %v", after, etag, known, !differs)
		}
		if known && before != string(document) {
			t.Errorf("after %s: ETag %s now comes with other bytes", after, etag)
		}
		seen[etag] = string(document)
		var decoded shop.Product
		if err := json.Unmarshal(document, &decoded); err != nil {
			t.Fatal(err)
		}
		if version, err := shop.VersionOf(etag); err != nil || version != decoded.Version {
			t.Errorf("after %s: VersionOf(%s) = %d, %v, want %d", after, etag, version, err, decoded.Version)
		}
	}
	stock := func(available, version int64) {
		t.Helper()
		if _, err := catalog.SetInventory(t.Context(), []shop.Inventory{{SKU: "MUG-1", Available: available, StockVersion: version}}); err != nil {
			t.Fatal(err)
		}
	}
	read("its creation", true)
	read("nothing", false)
	stock(5, 1)
	read("stock", true)
	stock(5, 2)
	read("the same stock", false)
	if _, err := catalog.AddReview(t.Context(), weaver, p.ID, shop.ReviewDraft{Rating: 4}); err != nil {
		t.Fatal(err)
	}
	read("a review", true)
	if _, err := catalog.Replace(t.Context(), potter, p.ID, 1, draft("MUG-1")); err != nil {
		t.Fatal(err)
	}
	read("an edit", true)
	if want := []string{p.ID, p.ID, p.ID}; !slices.Equal(*changed, want) {
		t.Errorf("changed = %v, want the product three times", *changed)
	}
	if _, _, err := catalog.Encoded(t.Context(), "prd_none"); !fault.Is(err, fault.NotFound) {
		t.Errorf("no such product: %v", err)
	}
}

func TestHooksAreCalledWhenTheContextHasEnded(t *testing.T) {
	hookErr := context.Canceled
	catalog := shop.NewCatalog(shop.NewMemoryCatalog(), shop.CatalogOptions{
		Changed: func(ctx context.Context, _ ...string) { hookErr = ctx.Err() },
	})
	mustCreate(t, catalog, potter, draft("MUG-1"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := catalog.SetInventory(ctx, []shop.Inventory{{SKU: "MUG-1", Available: 5, StockVersion: 1}}); err != nil {
		t.Fatal(err)
	}
	if hookErr != nil {
		t.Errorf("the context of the hook has ended: %v", hookErr)
	}
}

func TestVersionOf(t *testing.T) {
	for etag, want := range map[string]int64{`"7.12"`: 7, `W/"7.12"`: 7, "\t\"1.0\"": 1} {
		if got, err := shop.VersionOf(etag); err != nil || got != want {
			t.Errorf("VersionOf(%s) = %d, %v, want %d", etag, got, err, want)
		}
	}
	for _, etag := range []string{"", "7", `"7"`, `"7.`, `"-1.0"`, `"7.x"`, `*`, `"1.1","2.2"`, `"99999999999999999999.1"`} {
		if got, err := shop.VersionOf(etag); !fault.Is(err, fault.Invalid) {
			t.Errorf("VersionOf(%s) = %d, %v, want it refused", etag, got, err)
		}
	}
}

func TestOffers(t *testing.T) {
	catalog, _ := newCatalog()
	p := mustCreate(t, catalog, potter, draft("MUG-1"))
	want := shop.Offer{ProductID: p.ID, SKU: p.SKU, Seller: potter.ID, Name: p.Name, Price: p.Price}
	byID, err := catalog.OffersByID(t.Context(), []string{p.ID, "prd_none"})
	if err != nil || len(byID) != 1 || byID[p.ID] != want {
		t.Errorf("OffersByID = %+v, %v, want %+v alone", byID, err, want)
	}
	bySKU, err := catalog.OffersBySKU(t.Context(), []string{"none", p.SKU})
	if err != nil || len(bySKU) != 1 || bySKU[p.SKU] != want {
		t.Errorf("OffersBySKU = %+v, %v, want %+v alone", bySKU, err, want)
	}
}

func TestCreateManyCanBeRepeated(t *testing.T) {
	catalog, _ := newCatalog()
	p := mustCreate(t, catalog, potter, draft("MUG-1"))
	products := []shop.Product{product("MUG-1", "Another"), product("MUG-2", "Second"), product("MUG-3", "Third")}
	for _, want := range []int{2, 0} {
		if got, err := catalog.CreateMany(t.Context(), products); err != nil || got != want {
			t.Errorf("CreateMany = %d, %v, want %d new", got, err, want)
		}
	}
	if got, err := catalog.Get(t.Context(), p.ID); err != nil || got.Name != p.Name {
		t.Errorf("the existing product is now %+v, %v", got, err)
	}
}

func TestReviews(t *testing.T) {
	catalog, changed := newCatalog()
	p := mustCreate(t, catalog, potter, draft("MUG-1"))
	for _, tt := range []struct {
		draft shop.ReviewDraft
		want  []string
	}{
		{shop.ReviewDraft{Rating: 0}, []string{"rating"}},
		{shop.ReviewDraft{Rating: 6, Text: strings.Repeat("x", 5000)}, []string{"rating", "text"}},
		{shop.ReviewDraft{Rating: 5, Text: "\x00"}, []string{"text"}},
	} {
		if _, err := catalog.AddReview(t.Context(), weaver, p.ID, tt.draft); !slices.Equal(offending(err), tt.want) {
			t.Errorf("%+v: %v, want the fields %v refused", tt.draft, err, tt.want)
		}
	}
	var want []string
	for i := range 25 {
		review, err := catalog.AddReview(t.Context(), shop.Actor{ID: fmt.Sprint("usr_", i)}, p.ID, shop.ReviewDraft{Rating: 5, Text: " fine "})
		if err != nil || review.Text != "fine" {
			t.Fatalf("review %d: %+v, %v", i, review, err)
		}
		want = slices.Insert(want, 0, review.ID)
	}
	if len(*changed) != 25 {
		t.Errorf("Changed was called for %d products, want a call for each of 25 reviews", len(*changed))
	}
	var got []string
	for cursor := ""; ; {
		page, err := catalog.Reviews(t.Context(), p.ID, 0, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Items {
			got = append(got, r.ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	first, err := catalog.Reviews(t.Context(), p.ID, 5, "")
	if err != nil {
		t.Fatal(err)
	}
	other := mustCreate(t, catalog, potter, draft("MUG-2"))
	for name, call := range map[string]func() error{
		"a cursor of another list": func() error { _, err := catalog.Reviews(t.Context(), other.ID, 5, first.Next); return err },
		"no cursor at all":         func() error { _, err := catalog.Reviews(t.Context(), p.ID, 5, "x!"); return err },
		"a negative limit":         func() error { _, err := catalog.Reviews(t.Context(), p.ID, -1, ""); return err },
		"a limit that is too high": func() error { _, err := catalog.Reviews(t.Context(), p.ID, 101, ""); return err },
	} {
		if err := call(); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v, want it refused", name, err)
		}
	}
}
