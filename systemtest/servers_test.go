package systemtest

import (
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"agora/engine/postgres/postgrestest"
	"agora/engine/redis/redistest"
	"agora/shop"
)

var database postgrestest.Server

// patience is the timeout for effects that take seconds. It is long because the machine may be busy.
const patience = 5 * time.Minute

// together is two servers that share all stores, and a product.
type together struct {
	servers [2]*server
	clients [2]*client
	lamp    offered
	left    int64    // units of the lamp
	orders  []string // ids in the order history of the buyer
}

// databasePorts are the keys of the ports that can be in PostgreSQL.
var databasePorts = []string{
	"accounts.users", "accounts.sessions", "accounts.personal", "shop.catalog", "shop.orders", "shop.views", "events",
}

// sharing returns the settings of servers that share all stores, as flags and as variables.
func sharing(t *testing.T) (flags, variables []string) {
	t.Helper()
	redis := redistest.Start(t).URL(t)
	settings := map[string]string{"cache": redis, "limits": redis}
	for _, port := range databasePorts {
		settings[port] = database.URL(t)
	}
	for port, url := range settings {
		flags = append(flags, "--"+strings.ReplaceAll(port, ".", "-"), url)
		variables = append(variables, "AGORA_"+strings.ToUpper(strings.ReplaceAll(port, ".", "_"))+"="+url)
	}
	return flags, variables
}

// TestServersWorkFromTheSameEvents orders at each of two servers and checks that the other one shows the order: while both work, after
// the leader was killed, while the leader hangs, and after that.
func TestServersWorkFromTheSameEvents(t *testing.T) {
	flags, variables := sharing(t)
	flags = append(append(flags, patient("simulated:")...), "--systems", "shop")
	m := &together{left: 100}
	m.servers[0] = started(t, flags...) // leads, because it is alone
	m.servers[1] = started(t, flags...)
	for i, s := range m.servers {
		m.clients[i] = &client{s, crowd(t, 1), s.token(t)}
	}
	m.lamp = m.clients[0].offer(t, "LAMP", m.left)

	m.order(t, 0, 0, 1)
	m.order(t, 1, 0, 1)
	m.servers[0].kill(t)
	m.order(t, 1, 1)
	m.servers[0].start(t)
	m.order(t, 0, 0, 1) // the second leads
	m.order(t, 1, 0, 1)

	verified := runToEnd(t, command(t, variables, "verify", "shop", "--data", t.TempDir()))
	if verified.code != 0 {
		t.Errorf("agora verify shop while servers run: exit code %d\n%s%s", verified.code, verified.out, verified.err)
	}

	if err := m.servers[1].process.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	m.order(t, 0, 0)
	if err := m.servers[1].process.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	m.order(t, 1, 0, 1)
	m.servers[0].stop(t)
	m.order(t, 1, 1)
	m.servers[1].stop(t)
	verified = runToEnd(t, command(t, variables, "verify", "shop", "--data", m.servers[0].data))
	if verified.code != 0 {
		t.Errorf("agora verify shop at the end: exit code %d\n%s%s", verified.code, verified.out, verified.err)
	}
}

// order buys a lamp at one server and returns when the servers show it in the product's page and in the buyer's order history.
func (m *together) order(t *testing.T, at int, seenAt ...int) {
	t.Helper()
	var order shop.Order
	m.clients[at].must(t, "POST", "/v1/orders", cart{{m.lamp, 1}}.request(), http.StatusCreated, &order)
	m.left--
	m.orders = append(m.orders, order.ID)
	begun := time.Now()
	for _, i := range seenAt {
		for !m.seen(t, m.clients[i]) {
			if time.Since(begun) > patience {
				t.Fatalf("server %d does not show the order of server %d", i, at)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	t.Logf("ordered at %d, shown by %v after %v", at, seenAt, time.Since(begun))
}

// seen reports whether a server shows all orders and the remaining stock.
func (m *together) seen(t *testing.T, c *client) bool {
	t.Helper()
	var product shop.Product
	c.must(t, "GET", "/v1/products/"+m.lamp.id, nil, http.StatusOK, &product)
	var page shop.OrderPage
	c.must(t, "GET", "/v1/orders?limit=100", nil, http.StatusOK, &page)
	var shown []string
	for _, o := range page.Items {
		if o.State == shop.Confirmed {
			shown = append(shown, o.ID)
		}
	}
	slices.Sort(shown)
	slices.Sort(m.orders)
	return product.InventoryCount == m.left && slices.Equal(shown, m.orders)
}
