package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"agora/app/config"
	pgcatalog "agora/engine/postgres/catalog"
	pgorders "agora/engine/postgres/orders"
	sqlitecatalog "agora/engine/sqlite/catalog"
	sqliteorders "agora/engine/sqlite/orders"
	"agora/engine/stripe"
	"agora/engine/varnish"
	"agora/shop"
)

// ordersKey is the key of a port that the configuration is asked for elsewhere.
const ordersKey = "shop.orders"

// shopPorts are the ports of the shop.
func shopPorts() []port {
	return []port{
		{
			Port: config.Port{
				Key: "shop.catalog", Was: "catalog", Default: "sqlite:catalog.db",
				Help: "Store and search index of the products.",
			},
			title: "catalogue",
			engines: []engine{
				inFile(sqlitecatalog.Open, func(s *stores, file *sqlitecatalog.Store) { s.catalog = file }),
				inPostgres(pgcatalog.Open, func(s *stores, store *pgcatalog.Store) { s.catalog = store }),
			},
		},
		{
			Port: config.Port{
				Key: ordersKey, Was: "orders", Default: "sqlite:orders.db",
				Help: "Store of stock, orders, ledger and outbox, which share transactions.",
			},
			title: "orders",
			engines: []engine{
				inFile(sqliteorders.Open, func(s *stores, file *sqliteorders.Store) { s.orders = file }),
				inPostgres(pgorders.Open, func(s *stores, store *pgorders.Store) { s.orders = store }),
			},
		},
		{
			Port: config.Port{
				Key: "shop.views", Was: "views", Default: "sqlite:views.db",
				Help: "Read model of the orders. It is rebuilt from shop.orders if it is lost or out of date.",
			},
			title: "order history",
			engines: []engine{
				inFile(sqliteorders.OpenHistory, func(s *stores, file *sqliteorders.History) { s.views = file }),
				inPostgres(pgorders.OpenHistory, func(s *stores, store *pgorders.History) { s.views = store }),
			},
		},
		{
			Port: config.Port{
				Key: "shop.gateway", Was: "gateway", Default: "simulated:?latency=20ms",
				Help: "Payment gateway. The simulated gateway answers after latency, declines a share of the payments (decline=0.02) and is unavailable for a share of the calls (outage=0.01). stripe: reads its test key from `STRIPE_API_KEY` or from the file key_file, pays everything with one method (method=pm_card_visa), and can call another server than Stripe (api=http://localhost:12111).",
			},
			title: "payments", serving: true,
			engines: []engine{
				{config.Scheme{Name: "simulated", Own: true, Params: map[string]config.Param{
					"latency": config.LatencyParam, "decline": config.ShareParam, "outage": config.ShareParam,
				}}, openSimulatedGateway},
				{config.Scheme{Name: "stripe", Params: map[string]config.Param{
					"key_file": config.TextParam, "method": config.TextParam, "api": config.WebParam,
				}}, openStripe},
			},
		},
		{
			Port: config.Port{
				Key: "shop.cdn", Was: "cdn", Default: "none:",
				Help: "CDN whose pages are purged when products change: a Varnish with the configuration in deploy/varnish, by the address of its socket for purges, such as varnish://cdn:6082.",
			},
			title: "CDN", serving: true,
			engines: []engine{
				{config.Scheme{Name: "none", Own: true}, func(context.Context, *stores, config.Engine) error { return nil }},
				{config.Scheme{Name: "varnish", Server: true}, func(_ context.Context, s *stores, e config.Engine) (err error) {
					s.cdn, err = varnish.New(e.URL(), s.log, s.metrics)
					return err
				}},
			},
		},
	}
}

func openSimulatedGateway(_ context.Context, s *stores, e config.Engine) error {
	s.gateway = shop.NewSimulatedGateway(shop.SimulatedOptions{
		Latency: e.Duration("latency"), Decline: e.Share("decline"), Outage: e.Share("outage"),
	})
	return nil
}

func openStripe(_ context.Context, s *stores, e config.Engine) error {
	key, err := stripeKey(e.Text("key_file"))
	if err != nil {
		return err
	}
	gateway, err := stripe.New(key, stripe.Options{PaymentMethod: e.Text("method"), API: e.Text("api")})
	if err != nil {
		return err
	}
	s.gateway = gateway
	s.closing("payments", gateway)
	return nil
}

// stripeKeyVariable is the environment variable from which Stripe's own tools read the secret key.
const stripeKeyVariable = "STRIPE_API_KEY"

// stripeKey reads the secret key from a file or, without one, from the environment. The key is not in the configuration, because
// agora config prints that.
func stripeKey(path string) (string, error) {
	if path == "" {
		key, ok := os.LookupEnv(stripeKeyVariable)
		if !ok {
			return "", errors.New("the secret key of Stripe is missing: set " + stripeKeyVariable + ", or name a file with key_file")
		}
		return key, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read Stripe's secret key: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}
