package orders

import (
	"testing"

	"agora/shop"
	"agora/shop/shoptest"
)

// TestOrdersAgreeWithMemory commits without waiting for the disk, because no command of the machine crashes the server.
func TestOrdersAgreeWithMemory(t *testing.T) {
	t.Parallel()
	server.URL(t)
	shoptest.Machine(t, func(t *testing.T) shop.OrderStore {
		return openOrders(t, server.Database(t)+"&synchronous_commit=off")
	}, func(*testing.T) shop.OrderStore { return shop.NewMemoryOrders() })
}
