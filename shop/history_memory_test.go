package shop_test

import (
	"testing"

	"agora/shop"
	"agora/shop/shoptest"
)

func TestMemoryViews(t *testing.T) {
	shoptest.Views(t, func(*testing.T) shop.OrderViews { return shop.NewMemoryViews() })
}
