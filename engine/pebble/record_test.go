package pebble

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"agora/pattern/eventlog"
)

func FuzzDecodeRecord(f *testing.F) {
	at := position{bytes: 1 << 40, appended: 1_700_000_000_000}
	record := eventlog.Record{ID: "evt_1", Kind: "order.placed", Key: "ord_1", Value: []byte("{}"), At: time.UnixMicro(-1).UTC()}
	f.Add(appendRecord(nil, at, record))
	f.Add([]byte{})
	f.Add([]byte{recordVersion})
	f.Add([]byte{recordVersion, 1, 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{recordVersion + 1, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		at, record, err := decodeRecord(data)
		if err != nil {
			return
		}
		again := appendRecord(nil, at, record)
		gotAt, got, err := decodeRecord(again)
		if err != nil || gotAt != at || !reflect.DeepEqual(got, record) {
			t.Errorf("%x decodes to %+v %+v, which comes back as %+v %+v, %v", data, at, record, gotAt, got, err)
		}
	})
}

func TestEveryCutOfARecordIsRefused(t *testing.T) {
	record := eventlog.Record{ID: "evt_1", Kind: "order.placed", Key: "ord_1", At: time.UnixMicro(1).UTC()}
	whole := appendRecord(nil, position{bytes: 300, appended: 300}, record)
	for n := range whole {
		if _, _, err := decodeRecord(whole[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are taken for a record", n, len(whole))
		}
	}
	if !bytes.HasSuffix(whole, []byte("ord_1")) {
		t.Errorf("the record %x does not end with its key", whole)
	}
}
