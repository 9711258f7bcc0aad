package shop_test

import (
	"reflect"
	"testing"
	"time"

	"agora/shop"
)

func FuzzCard(f *testing.F) {
	f.Add(shop.EncodeCard(shop.Card{
		ID: "prd_1", Name: "Mug", Categories: []string{"a"}, Attributes: map[string]string{"color": "blue"}, CreatedAt: time.Unix(1, 2),
	}))
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 127})
	f.Fuzz(func(t *testing.T, stored []byte) {
		var card, again shop.Card
		if shop.DecodeCard(stored, &card) != nil {
			return
		}
		if err := shop.DecodeCard(shop.EncodeCard(card), &again); err != nil || !reflect.DeepEqual(again, card) {
			t.Errorf("%+v is decoded as %+v, %v", card, again, err)
		}
	})
}
