package systemtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"agora/engine/varnish/varnishtest"
	"agora/shop"
)

// viewer is a client that reads product pages through a CDN, with or without a token.
type viewer struct {
	url   string
	http  *http.Client
	token string
}

// view returns the page of a product and the headers of the answer.
func (v viewer) view(ctx context.Context, id string) (product shop.Product, header http.Header, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url+"/v1/products/"+id, nil)
	if err != nil {
		return product, nil, err
	}
	if v.token != "" {
		r.Header.Set("Authorization", "Bearer "+v.token)
	}
	response, err := v.http.Do(r)
	if err != nil {
		return product, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil {
		err = answer{response.StatusCode, response.Header, body}.into(&product)
	}
	return product, response.Header, err
}

// TestACDNIsPurged reads product pages through a real Varnish, popular ones more often, while prices and stock change. It checks that
// a change is soon visible.
func TestACDNIsPurged(t *testing.T) {
	const viewers, views = 16, 500
	listen, purges := varnishtest.FreeAddress(t), varnishtest.FreeAddress(t)
	s := newServer(t, filepath.Join(t.TempDir(), "data"), append(patient("simulated:?latency=1ms"), "--shop-cdn", "varnish://"+purges)...)
	if got := runToEnd(t, command(t, nil, "generate", "--data", s.data, "--products", "301", "--users", "10")); got.code != 0 {
		t.Fatalf("generate: %s", got.err)
	}
	s.start(t)
	varnishtest.Start(t, listen, purges, strings.TrimPrefix(s.url, "http://"))
	admin := &client{s, crowd(t, 4), s.token(t)}
	visitor := viewer{url: "http://" + listen, http: crowd(t, viewers)}

	// One price changes repeatedly while all viewers read.
	hot := goods.ProductID(0)
	stop := make(chan struct{})
	var changing, looking sync.WaitGroup
	var slowest time.Duration
	changing.Go(func() {
		for amount := int64(1000); ; amount++ {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			if err := reprice(t.Context(), admin, hot, amount); err != nil {
				t.Error(err)
				return
			}
			changed := time.Now()
			for {
				seen, _, err := visitor.view(t.Context(), hot)
				if err != nil {
					t.Error(err)
					return
				}
				if seen.Price.Amount == amount {
					break
				}
				if time.Since(changed) > 30*time.Second {
					t.Errorf("after 30 s the page has not the price %d but %d", amount, seen.Price.Amount)
					return
				}
			}
			slowest = max(slowest, time.Since(changed))
		}
	})
	hits := make([]int, viewers)
	for i := range viewers {
		looking.Go(func() {
			luck := rand.New(rand.NewPCG(1, uint64(i)))
			for range views {
				_, header, err := visitor.view(t.Context(), goods.ProductID(goods.PopularProduct(luck)))
				if err != nil {
					t.Error(err)
					return
				}
				if header.Get("X-Cache") == "hit" {
					hits[i]++
				}
			}
		})
	}
	looking.Wait()
	close(stop)
	changing.Wait()
	all := 0
	for _, n := range hits {
		all += n
	}
	t.Logf("%d of %d views were hits (%.1f %%); the slowest price change was seen after %v", all, viewers*views, 100*float64(all)/(viewers*views), slowest)
	if all < viewers*views/2 {
		t.Errorf("%d of %d views were hits, want at least half", all, viewers*views)
	}
	if slowest > 10*time.Second { // by then the page expires without a purge
		t.Errorf("a changed price was visible after %v: not by a purge", slowest)
	}

	// A change of stock passes through the order, the journal, the event log and the catalogue to the CDN.
	product, _, err := visitor.view(t.Context(), goods.ProductID(1))
	if err != nil {
		t.Fatal(err)
	}
	admin.must(t, "PUT", "/v1/stock/"+product.SKU, map[string]int64{"on_hand": 777}, http.StatusOK, nil)
	for product.InventoryCount != 777 {
		if product, _, err = visitor.view(t.Context(), product.ID); err != nil {
			t.Fatal(err)
		}
	}

	// Answers to a token do not come from the cache and are not stored in it.
	customer := visitor
	customer.token = admin.token
	id := goods.ProductID(goods.Products) // whose page nobody has read yet
	for range 3 {
		if _, header, err := customer.view(t.Context(), id); err != nil || header.Get("X-Cache") == "hit" {
			t.Errorf("with a token: %q, %v", header.Get("X-Cache"), err)
		}
	}
	if _, header, err := visitor.view(t.Context(), id); err != nil || header.Get("X-Cache") != "miss" {
		t.Errorf("without a token, after that: %q, %v; want a miss", header.Get("X-Cache"), err)
	}
}

// reprice changes the price of a product, and retries after concurrent changes.
func reprice(ctx context.Context, c *client, id string, amount int64) error {
	for {
		was, err := c.ask(ctx, "GET", "/v1/products/"+id, "", nil)
		if err != nil {
			return err
		}
		var p shop.Product
		if err := was.into(&p); err != nil {
			return err
		}
		draft, err := json.Marshal(shop.ProductDraft{
			SKU: p.SKU, Name: p.Name, Description: p.Description, Categories: p.Categories, Attributes: p.Attributes,
			Images: p.Images, Price: shop.Money{Amount: amount, Currency: p.Price.Currency},
		})
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPut, c.server.url+"/v1/products/"+id, bytes.NewReader(draft))
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+c.token)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("If-Match", was.header.Get("Etag"))
		response, err := c.http.Do(r)
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		switch response.StatusCode {
		case http.StatusOK:
			return nil
		case http.StatusPreconditionFailed:
		default:
			return fmt.Errorf("replace %s: %s", id, response.Status)
		}
	}
}
