package shop

import (
	"encoding/json"
	"fmt"
)

// EncodeOrder returns the form in which stores keep an order. It is the public form today. A store that calls these two
// functions need not change when the forms part. The golden files in testdata pin it.
func EncodeOrder(o Order) ([]byte, error) {
	stored, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode order %s: %w", o.ID, err)
	}
	return stored, nil
}

// DecodeOrder reads what EncodeOrder returned.
func DecodeOrder(stored []byte) (Order, error) {
	var o Order
	if err := json.Unmarshal(stored, &o); err != nil {
		return Order{}, fmt.Errorf("decode an order: %w", err)
	}
	return o, nil
}
