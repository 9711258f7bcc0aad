package kafka

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"gotest.tools/v3/golden"

	"agora/pattern/eventlog"
)

// TestRecordFormat pins the form of a record in Kafka, which other programs may read. docs/upgrading.md says how to change it.
func TestRecordFormat(t *testing.T) {
	want := eventlog.Record{
		ID: "ord_01jd8q6m3k9v2n4x7y5z8w1t0g/3", Kind: "order.placed", Key: "ord_01jd8q6m3k9v2n4x7y5z8w1t0g",
		Value: []byte(`{"kind":"order.placed"}`), At: time.Date(2026, 3, 14, 15, 9, 26, 535897000, time.UTC),
	}
	encoded := encode("agora.shop", 8, []eventlog.Record{want})[0]
	type form struct {
		Topic      string
		Partition  int32
		Key, Value []byte
		Headers    []kgo.RecordHeader
	}
	text, err := json.MarshalIndent(form{encoded.Topic, encoded.Partition, encoded.Key, encoded.Value, encoded.Headers}, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	golden.Assert(t, string(text)+"\n", "record.json")

	var stored form
	if err := json.Unmarshal(golden.Get(t, "record.json"), &stored); err != nil {
		t.Fatal(err)
	}
	got, err := decode("shop", &kgo.Record{Key: stored.Key, Value: stored.Value, Headers: stored.Headers})
	if err != nil || !reflect.DeepEqual(got.Record, want) {
		t.Errorf("the stored record is decoded to %+v, %v; want %+v", got.Record, err, want)
	}
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		url  string
		want target
	}{
		{"kafka://broker", target{brokers: []string{"broker:9092"}, namespace: "agora", replicas: 3}},
		{"kafka://a,b,c:9094/shop?replicas=2", target{brokers: []string{"a:9094", "b:9094", "c:9094"}, namespace: "shop", replicas: 2}},
		{"kafka+tls://[::1]:9093/", target{brokers: []string{"[::1]:9093"}, namespace: "agora", replicas: 3, tls: true}},
	} {
		if got, err := parse(tt.url); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("parse(%s) = %+v, %v; want %+v", tt.url, got, err, tt.want)
		}
	}
	for mechanism, want := range map[string]string{
		"": "SCRAM-SHA-512", "?sasl=scram-sha-512": "SCRAM-SHA-512", "?sasl=scram-sha-256": "SCRAM-SHA-256", "?sasl=plain": "PLAIN",
	} {
		got, err := parse("kafka://user:secret@broker" + mechanism)
		if err != nil || got.login == nil || got.login.Name() != want {
			t.Errorf("login with %q = %v, %v; want %s", mechanism, got.login, err, want)
		}
	}
	for _, bad := range []string{
		"kafka:", "kafka://:9092", "kafka://user:secret@bro ker", "kafka://user:secret@broker?replicas=0", "kafka://user:secret@broker?replicas=many",
		"kafka://user:secret@broker?sasl=gssapi", "kafka://broker?sasl=plain", "kafka://user:secret@broker/a/b", "kafka://user:secret@broker/A+B",
	} {
		if _, err := Open(bad, nil); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("Open(%s) = %v, want an error without the password", bad, err)
		}
	}
}
