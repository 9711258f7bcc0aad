package app

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"agora/engine/kafka"
	"agora/generate"
	"agora/shop"
)

func TestAShopWithEventsInKafka(t *testing.T) {
	url := broker.URL(t)
	cfg := load(t, map[string]string{"data": t.TempDir(), "events": url, "systems": "shop"})
	log := slog.New(slog.DiscardHandler)
	if _, err := Generate(t.Context(), cfg, generate.Plan{Products: 30, Users: 30, Orders: 40, Seed: 1}, log, func(generate.Progress) {}); err != nil {
		t.Fatal(err)
	}
	var report strings.Builder
	if err := VerifyShop(t.Context(), cfg, nil, log, &report); err != nil {
		t.Errorf("verify = %v\n%s", err, report.String())
	}

	events, err := kafka.Open(url, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = events.Close() })
	ends, err := events.Ends(t.Context(), shop.Topic)
	if err != nil {
		t.Fatal(err)
	}
	for partition, bounds := range ends {
		committed, ok, err := events.Committed(t.Context(), "orders", shop.Topic, partition)
		if err != nil || bounds.Next > 0 && !ok || committed != bounds.Next {
			t.Errorf("the read model of orders is at %d of partition %d, %v, %v; want the end, %d", committed, partition, ok, err, bounds.Next)
		}
	}
}

// TestServersWithEventsInKafka sells at one of two servers that share a database and Kafka, and reads the order at the other.
func TestServersWithEventsInKafka(t *testing.T) {
	settings := inDatabase(database.EmptyDatabase(t))
	settings["events"] = broker.URL(t)
	here := serve(t, settings)
	there := serve(t, settings)
	here.want(t, http.StatusCreated, "POST", "/v1/products", shop.ProductDraft{
		SKU: "lamp-1", Name: "Lamp", Categories: []string{"lighting"}, Price: shop.Money{Amount: 1999, Currency: "GBP"},
	})
	here.want(t, http.StatusOK, "PUT", "/v1/stock/lamp-1", map[string]int{"on_hand": 10})
	var found struct{ Items []shop.Product }
	if err := json.Unmarshal(here.want(t, http.StatusOK, "GET", "/v1/products?limit=1", nil), &found); err != nil || len(found.Items) != 1 {
		t.Fatalf("products: %v, %v", found.Items, err)
	}
	var order struct{ ID string }
	line := map[string]any{"product_id": found.Items[0].ID, "quantity": 1}
	if err := json.Unmarshal(here.want(t, http.StatusCreated, "POST", "/v1/orders", map[string]any{"lines": []any{line}}), &order); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if orders := there.want(t, http.StatusOK, "GET", "/v1/orders", nil); bytes.Contains(orders, []byte(order.ID)) {
			return
		}
		if time.Since(began) > 5*time.Minute { // it is below a second, on a machine that does nothing else
			t.Fatal("the order is not in the read model that events update")
		}
	}
}

func TestKafkaThatIsAwayIsNamedAtTheStart(t *testing.T) {
	cfg := load(t, map[string]string{"data": t.TempDir(), "events": "kafka://127.0.0.1:1", "systems": "shop"})
	if err := Serve(t.Context(), cfg, "test", io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "Kafka") {
		t.Errorf("Serve without Kafka = %v, want that it is named", err)
	}
}
