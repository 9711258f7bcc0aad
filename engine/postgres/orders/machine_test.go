package orders

import (
	"testing"

	"agora/shop"
	"agora/shop/shoptest"
)

// TestOrdersAgreeWithMemory leaves durability out, which the commands of the machine cannot tell.
func TestOrdersAgreeWithMemory(t *testing.T) {
	t.Parallel()
	server.URL(t)
	shoptest.Machine(t, func(t *testing.T) shop.OrderStore {
		return openOrders(t, server.Database(t)+"&synchronous_commit=off")
	}, func(*testing.T) shop.OrderStore { return shop.NewMemoryOrders() })
}
