package pebble

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"testing"
	"time"

	"gotest.tools/v3/golden"

	"agora/pattern/eventlog"
)

// TestRecordFormat pins the stored form of a record. docs/upgrading.md says how to change it.
func TestRecordFormat(t *testing.T) {
	at := position{bytes: 4711, appended: 1_773_500_966_535}
	record := eventlog.Record{
		ID: "ord_01jd8q6m3k9v2n4x7y5z8w1t0g/3", Kind: "order.placed", Key: "ord_01jd8q6m3k9v2n4x7y5z8w1t0g",
		Value: []byte(`{"kind":"order.placed"}`), At: time.Date(2026, 3, 14, 15, 9, 26, 535897000, time.UTC),
	}
	golden.AssertBytes(t, appendRecord(nil, at, record), "record.bin")
	gotAt, got, err := decodeRecord(golden.Get(t, "record.bin"))
	if err != nil || gotAt != at || !reflect.DeepEqual(got, record) {
		t.Errorf("the stored record is decoded to %+v %+v, %v; want %+v %+v", gotAt, got, err, at, record)
	}
}

// TestKeyFormats pins the keys under which the log finds what it stored.
func TestKeyFormats(t *testing.T) {
	keys := fmt.Sprintf("topic     %s\npartition %s\nrecord    %s\ncommitted %s\n",
		hex.EncodeToString(topicKey("shop")), hex.EncodeToString(partitionKey(logStarts, "shop", 3)),
		hex.EncodeToString(recordKey("shop", 3, 1<<40+7)), hex.EncodeToString(committedKey("shop", 3, "inventory")))
	golden.Assert(t, keys, "keys.txt")
	if offset := offsetOf(recordKey("shop", 3, 1<<40+7)); offset != 1<<40+7 {
		t.Errorf("the offset of a record's key is %d", offset)
	}
}
