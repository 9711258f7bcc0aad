package shop

import (
	"encoding/json"
	"fmt"
)

// EncodeOrder returns the stored form of an order, which golden files in testdata pin. Today it is the same as the public
// form. If the two forms ever differ, stores that use EncodeOrder and DecodeOrder need no change.
func EncodeOrder(o Order) ([]byte, error) {
	stored, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode order %s: %w", o.ID, err)
	}
	return stored, nil
}

// DecodeOrder decodes the stored form of an order.
func DecodeOrder(stored []byte) (Order, error) {
	var o Order
	if err := json.Unmarshal(stored, &o); err != nil {
		return Order{}, fmt.Errorf("decode an order: %w", err)
	}
	return o, nil
}
