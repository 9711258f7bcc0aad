package shop_test

import (
	"testing"

	"agora/shop"
	"agora/shop/shoptest"
)

func TestMemoryOrders(t *testing.T) {
	shoptest.Orders(t, func(*testing.T) shop.OrderStore { return shop.NewMemoryOrders() })
}

func TestOrdersOverMemory(t *testing.T) {
	shoptest.Machine(t, func(*testing.T) shop.OrderStore { return shop.NewMemoryOrders() })
}
