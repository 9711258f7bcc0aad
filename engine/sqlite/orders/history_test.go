package orders

import (
	"path/filepath"
	"testing"

	"agora/shop"
	"agora/shop/shoptest"
)

func TestViews(t *testing.T) {
	shoptest.Views(t, func(t *testing.T) shop.OrderViews {
		v, err := OpenHistory(t.Context(), filepath.Join(t.TempDir(), "views.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		})
		return v
	})
}
