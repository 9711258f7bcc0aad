package orders

import (
	"testing"

	"agora/shop"
	"agora/shop/shoptest"
)

func TestOrdersAgreeWithMemory(t *testing.T) {
	shoptest.Machine(t, func(t *testing.T) shop.OrderStore { return openOrders(t) },
		func(*testing.T) shop.OrderStore { return shop.NewMemoryOrders() })
}
