package httpapi_test

import (
	"context"
	"strings"
	"testing"

	"agora/accounts"
	"agora/console/browsertest"
	"agora/httpapi"

	"github.com/chromedp/chromedp"
)

// TestReferencePageInABrowser opens the page and tries an operation with a token.
func TestReferencePageInABrowser(t *testing.T) {
	ctx, _ := browsertest.Open(t)
	_, web := newServer(t, httpapi.Options{}, nil)
	const create = "#post-v1-widgets"
	err := chromedp.Do(ctx,
		chromedp.Navigate(web.URL+"/docs"),
		chromedp.WaitVisible(chromedp.CSS(create)),
		chromedp.SendKeys(chromedp.CSS("#token"), "seller"),
	)
	if err != nil {
		t.Fatal(err)
	}
	tryIt(t, ctx, create, "201")
	article, err := chromedp.Run(ctx, chromedp.TextContent(chromedp.CSS(create)))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Create a widget", "seller and admin", "lines[].quantity", "at least 1", "widget_exists", `"name": "Teapot"`} {
		if !strings.Contains(article, want) {
			t.Errorf("the operation's description lacks %q", want)
		}
	}
	hidden, err := chromedp.Run(ctx, chromedp.Evaluate[bool](
		"const f = document.getElementById('filter'); f.value = 'delete'; f.dispatchEvent(new Event('input')); document.querySelector('"+create+"').hidden"))
	if err != nil || !hidden {
		t.Errorf("filtering for delete leaves POST on the page: %v", err)
	}
}

// TestReferenceTriesTheShop sends the prepared requests of the page for some operations of the real API.
func TestReferenceTriesTheShop(t *testing.T) {
	ctx, _ := browsertest.Open(t)
	m := stocked(t, accounts.Seller)
	err := chromedp.Do(ctx,
		chromedp.Navigate(m.url+"/docs"),
		chromedp.WaitVisible(chromedp.CSS("#post-v1-orders")),
		chromedp.SendKeys(chromedp.CSS("#token"), m.owner),
		chromedp.Evaluate[chromedp.Void]("document.querySelector('#get-v1-search-products .try input[placeholder*=\"color=red\"]').value = 'color=red, size=L'"),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, operation := range []string{"get-v1-search-products", "get-v1-products-id-", "put-v1-products-id-", "put-v1-stock-sku-"} {
		tryIt(t, ctx, "#"+operation, "200")
	}
	tryIt(t, ctx, "#post-v1-orders", "201")
	tryIt(t, ctx, "#post-v1-products-id-reviews", "201")
	nothing, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("document.querySelector('#get-v1-search-products pre[aria-live]').textContent.includes('\"items\": []')"))
	if err != nil || !nothing {
		t.Errorf("a search for a red lamp of size L, which there is not, found something: %v", err)
	}
}

// tryIt opens the form of an operation, sends it, and checks the status of the answer.
func tryIt(t *testing.T, ctx context.Context, operation, status string) {
	t.Helper()
	err := chromedp.Do(ctx,
		chromedp.Click(chromedp.CSS(operation+" > details:last-of-type summary")), chromedp.Click(chromedp.CSS(operation+" button")))
	if err != nil {
		t.Fatal(err)
	}
	answered := "(document.querySelector('" + operation + " pre[aria-live]').textContent.match(/^[0-9]{3}/) || [''])[0]"
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](answered+" !== ''")); err != nil {
		t.Fatalf("%s gave no answer: %v", operation, err)
	}
	if got, err := chromedp.Run(ctx, chromedp.Evaluate[string](answered)); err != nil || got != status {
		t.Errorf("trying %s as it stands gave %s, want %s: %v", operation, got, status, err)
	}
}
