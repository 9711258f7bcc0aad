package httpapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"agora/accounts"
	accountsapi "agora/httpapi/accounts"
	shopapi "agora/httpapi/shop"
	"agora/shop"
)

// read checks the status of an answer and decodes its body.
func read[T any](t *testing.T, got answer, status int) T {
	t.Helper()
	var v T
	if got.status != status {
		t.Fatalf("got %d, want %d: %s", got.status, status, got.body)
	}
	if err := json.Unmarshal([]byte(got.body), &v); err != nil {
		t.Fatalf("%v in %s", err, got.body)
	}
	return v
}

func TestFromRegistrationToSigningOut(t *testing.T) {
	m := newMarket(t, accounts.Shopper)
	got := m.send(t, "", "POST", "/v1/users", `{"email":"Reader@example.org","password":"correct horse","name":"A reader","country":"GB","birth_date":"1990-12-31"}`)
	user := read[accounts.User](t, got, 201)
	if user.Role != accounts.Shopper || !strings.HasPrefix(user.ID, "usr_") || strings.Contains(got.body, "example.org") {
		t.Errorf("registered as %s", got.body)
	}
	got = m.send(t, "", "POST", "/v1/sessions", `{"email":"reader@EXAMPLE.org","password":"correct horse"}`)
	session := read[accountsapi.Credential](t, got, 201)
	if session.ExpiresAt.IsZero() || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the session may be kept by caches or never ends: %v", got)
	}
	me := read[accountsapi.Profile](t, m.send(t, session.Token, "GET", "/v1/me", ""), 200)
	if me.ID != user.ID || me.Email != "reader@example.org" || me.BirthDate != "1990-12-31" {
		t.Errorf("me = %+v", me)
	}
	if got := m.send(t, session.Token, "DELETE", "/v1/sessions", ""); got.status != 204 || got.body != "" {
		t.Errorf("signing out gave %d %q, want 204 and nothing", got.status, got.body)
	}
	if got := m.send(t, session.Token, "GET", "/v1/me", ""); got.status != 401 {
		t.Errorf("after signing out the token still gives %d", got.status)
	}
}

func TestTokenOfALesserRole(t *testing.T) {
	m := newMarket(t, accounts.Seller)
	got := m.send(t, m.admin, "POST", "/v1/tokens", `{"user_id":"`+m.ownerID+`","role":"shopper","ttl":60,"note":"reading only"}`)
	token := read[accountsapi.Credential](t, got, 201)
	if token.Role != accounts.Shopper || token.UserID != m.ownerID {
		t.Errorf("issued %+v", token)
	}
	if got := m.send(t, token.Token, "POST", "/v1/products", lampDraft); got.status != 403 {
		t.Errorf("a seller's token of the role shopper offered a product: %d", got.status)
	}
}

func TestLifeOfAProduct(t *testing.T) {
	m := newMarket(t, accounts.Seller)
	created := m.send(t, m.owner, "POST", "/v1/products", lampDraft)
	p := read[shop.Product](t, created, 201)
	where, etag := created.header.Get("Location"), created.header.Get("ETag")
	if where != "/v1/products/"+p.ID || etag != `"1.0"` || p.Seller != m.ownerID {
		t.Fatalf("created at %q with ETag %q: %s", where, etag, created.body)
	}
	page := m.send(t, "", "GET", where, "")
	read[shop.Product](t, page, 200)
	if strings.TrimSpace(page.body) != strings.TrimSpace(created.body) {
		t.Errorf("the page is\n%s\nand what was created\n%s", page.body, created.body)
	}
	if got := page.header.Get("Surrogate-Key"); got != p.ID+" "+m.ownerID {
		t.Errorf("Surrogate-Key = %q, want the product and its seller", got)
	}
	if got := page.header.Get("Cache-Control"); !strings.Contains(got, "public") || !strings.Contains(got, "stale-while-revalidate") {
		t.Errorf("Cache-Control = %q, which no CDN keeps", got)
	}
	if got := m.send(t, "", "GET", where, "", "If-None-Match", etag); got.status != 304 || got.body != "" {
		t.Errorf("the same version again gave %d %q, want 304 and nothing", got.status, got.body)
	}
	// The client of a compressed page sends the tag of the compressed form.
	changed := m.send(t, m.owner, "PUT", where, strings.Replace(lampDraft, `"Lamp"`, `"Reading lamp"`, 1), "If-Match", `"1.0-gzip"`)
	if p := read[shop.Product](t, changed, 200); p.Name != "Reading lamp" || changed.header.Get("ETag") != `"2.0"` {
		t.Errorf("changed to %s with ETag %s", changed.body, changed.header.Get("ETag"))
	}
	if got := read[shop.Product](t, m.send(t, "", "GET", where, "", "If-None-Match", etag), 200); got.Name != "Reading lamp" {
		t.Errorf("the page still shows %q", got.Name)
	}
}

func TestReviewsReachTheProduct(t *testing.T) {
	m := stocked(t, accounts.Shopper)
	for _, token := range []string{m.owner, m.stranger, m.admin} {
		read[shop.Review](t, m.send(t, token, "POST", lampPath+"/reviews", `{"rating":4,"text":"Bright."}`), 201)
	}
	first := read[shop.ReviewPage](t, m.send(t, "", "GET", lampPath+"/reviews?limit=2", ""), 200)
	second := read[shop.ReviewPage](t, m.send(t, "", "GET", lampPath+"/reviews?limit=2&cursor="+first.Next, ""), 200)
	if len(first.Items) != 2 || len(second.Items) != 1 || second.Next != "" {
		t.Errorf("pages of %d and %d reviews, want 2 and 1", len(first.Items), len(second.Items))
	}
	p := read[shop.Product](t, m.send(t, "", "GET", lampPath, ""), 200)
	if p.Rating.Count != 3 || p.Rating.Average != 4 || len(p.LatestReviews) != 3 {
		t.Errorf("the page shows the rating %+v with %d reviews", p.Rating, len(p.LatestReviews))
	}
}

func TestListsAndSearch(t *testing.T) {
	m := newMarket(t, accounts.Seller)
	for i, color := range []string{"red", "green", "red", "blue"} {
		draft := fmt.Sprintf(`{"sku":"L-%d","name":"Lamp %s","price":{"amount":%d,"currency":"USD"},"categories":["lighting"],"attributes":{"color":%q}}`,
			i, color, 1000*(i+1), color)
		read[shop.Product](t, m.send(t, m.owner, "POST", "/v1/products", draft), 201)
	}
	read[shop.Product](t, m.send(t, m.owner, "POST", "/v1/products", `{"sku":"T","name":"Teapot","price":{"amount":1,"currency":"USD"}}`), 201)
	for _, tt := range []struct{ query, want string }{
		{"/v1/products?category=lighting", "L-3 L-2 L-1 L-0"},
		{"/v1/products?category=lighting&limit=2", "L-3 L-2 …"},
		{"/v1/products?seller=" + m.ownerID + "&limit=1", "T …"},
		{"/v1/search/products?q=teap", "T"},
		{"/v1/search/products?attributes%5Bcolor%5D=red", "L-2 L-0"},
		{"/v1/search/products?q=lamp&attributes[color]=red&price_max=1500&currency=USD", "L-0"},
		{"/v1/search/products?sort=price_desc&currency=USD&price_min=2000&limit=2", "L-3 L-2 …"},
		{"/v1/search/products?q=lamp&in_stock=true", ""},
		{"/v1/search/products?q=nothing", ""},
	} {
		page := read[shop.SearchPage](t, m.send(t, "", "GET", tt.query, ""), 200)
		var skus []string
		for _, card := range page.Items {
			skus = append(skus, card.SKU)
		}
		if page.Next != "" {
			skus = append(skus, "…")
		}
		if got := strings.Join(skus, " "); got != tt.want {
			t.Errorf("%s found %q, want %q", tt.query, got, tt.want)
		}
	}
	page := read[shop.SearchPage](t, m.send(t, "", "GET", "/v1/search/products?q=lamp&facets=true", ""), 200)
	if page.Facets == nil || len(page.Facets.Attributes) != 1 || page.Facets.Attributes[0].Values[0] != (shop.FacetCount{Value: "red", Count: 2}) {
		t.Errorf("facets = %+v", page.Facets)
	}
}

func TestCursorOfAnotherListIsRefused(t *testing.T) {
	m := stocked(t, accounts.Seller)
	m.offer(t, dearProduct, "GEM-01", shop.Money{Amount: 1, Currency: "USD"})
	next := read[shop.SearchPage](t, m.send(t, "", "GET", "/v1/products?limit=1", ""), 200).Next
	if next == "" {
		t.Fatal("one of two products has no next")
	}
	for _, path := range []string{"/v1/products?category=lighting&cursor=", "/v1/search/products?q=lamp&cursor=", lampPath + "/reviews?cursor=", "/v1/orders?cursor="} {
		got := m.send(t, m.owner, "GET", path+next, "")
		if p := got.problem(t); got.status != 422 || fields(p) != "cursor" {
			t.Errorf("%s took the cursor of another list: %d", path, got.status)
		}
	}
}

func TestStockIsCountedAndChanged(t *testing.T) {
	m := stocked(t, accounts.Seller)
	const path = "/v1/stock/" + exampleSKU
	for _, tt := range []struct {
		method, body string
		want         int64
	}{
		{"PUT", `{"on_hand":100}`, 100}, {"POST", `{"change":-30,"reason":"broken"}`, 70},
		{"POST", `{"change":5}`, 75}, {"PUT", `{"on_hand":0}`, 0},
	} {
		if got := read[shop.Stock](t, m.send(t, m.owner, tt.method, path, tt.body), 200); got.OnHand != tt.want {
			t.Errorf("%s made %d units, want %d", tt.body, got.OnHand, tt.want)
		}
		if got := read[shop.Stock](t, m.send(t, m.owner, "GET", path, ""), 200); got.OnHand != tt.want {
			t.Errorf("after %s there are %d units, want %d", tt.body, got.OnHand, tt.want)
		}
	}
}

func TestLifeOfAnOrder(t *testing.T) {
	m := stocked(t, accounts.Shopper)
	body := `{"lines":[{"product_id":"` + exampleProduct + `","quantity":3}]}`
	placed := m.send(t, m.stranger, "POST", "/v1/orders", body, "Idempotency-Key", "first")
	order := read[shop.Order](t, placed, 201)
	where := placed.header.Get("Location")
	if order.State != shop.Confirmed || order.Total != (shop.Money{Amount: 5997, Currency: "USD"}) || where != "/v1/orders/"+order.ID {
		t.Fatalf("placed at %q: %s", where, placed.body)
	}
	if again := read[shop.Order](t, m.send(t, m.stranger, "POST", "/v1/orders", body, "Idempotency-Key", "first"), 201); again.ID != order.ID {
		t.Errorf("the same request again made another order, %s", again.ID)
	}
	if got := m.send(t, m.stranger, "GET", where, ""); got.body != placed.body {
		t.Errorf("read as\n%s\nplaced as\n%s", got.body, placed.body)
	}
	part := read[shop.Order](t, m.send(t, m.stranger, "POST", where+"/cancel", `{"lines":[{"line":0,"quantity":1}]}`), 200)
	if part.State != shop.Confirmed || part.Refunded().Amount != 1999 {
		t.Errorf("one unit given back left %+v", part)
	}
	rest := read[shop.Order](t, m.send(t, m.stranger, "POST", where+"/cancel", ""), 200)
	if rest.State != shop.Cancelled || rest.Refunded() != rest.Total {
		t.Errorf("the rest given back left %+v", rest)
	}
	var kinds []string
	for _, step := range read[shopapi.OrderHistory](t, m.send(t, m.stranger, "GET", where+"/history", ""), 200).Items {
		kinds = append(kinds, step.Kind)
	}
	want := []string{shop.OrderPlaced, shop.OrderConfirmed, shop.OrderReduced, shop.OrderRefunded, shop.OrderCancelled, shop.OrderRefunded}
	if !slices.Equal(kinds, want) {
		t.Errorf("history = %v, want %v", kinds, want)
	}
	if stock := read[shop.Stock](t, m.send(t, m.admin, "GET", "/v1/stock/"+exampleSKU, ""), 200); stock.OnHand != 100 || stock.Held != 0 {
		t.Errorf("all units are back, and the stock is %+v", stock)
	}
	mine := read[shop.OrderPage](t, m.send(t, m.stranger, "GET", "/v1/orders", ""), 200)
	if len(mine.Items) != 1 || mine.Items[0].Version != rest.Version {
		t.Errorf("my orders are %+v, want the one at version %d", mine, rest.Version)
	}
	theirs := read[shop.OrderPage](t, m.send(t, m.admin, "GET", "/v1/orders?user_id="+m.ownerID, ""), 200)
	if len(theirs.Items) != 1 || theirs.Items[0].ID != exampleOrder {
		t.Errorf("an admin sees %+v of the owner", theirs)
	}
}

func TestOrderWaitsForAGatewayThatIsAway(t *testing.T) {
	m := stocked(t, accounts.Shopper)
	m.till.SetDown(true)
	placed := m.send(t, m.owner, "POST", "/v1/orders", oneLamp)
	if order := read[shop.Order](t, placed, 202); order.State != shop.Pending || placed.header.Get("Location") != "/v1/orders/"+order.ID {
		t.Errorf("got %s at %q", placed.body, placed.header.Get("Location"))
	}
}
