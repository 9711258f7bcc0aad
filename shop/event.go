package shop

import (
	"encoding/json"
	"fmt"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"agora/fault"
	"agora/pattern/eventlog"
	"agora/pattern/journal"
	"agora/pattern/outbox"
)

// Topic is the event log's topic for all facts of the shop. The key of an event is the stream of its fact.
const Topic = "shop"

// MaxFact is the largest size of a fact in bytes, so that its event fits into a record of the event log. The other fields
// of an event take a few hundred bytes.
const MaxFact = eventlog.MaxRecord - 4<<10

// checkSize refuses a fact that is too large for the event log. The outbox would try to relay a stored one for ever, and
// would relay nothing after it.
func checkSize(e journal.Entry) error {
	if len(e.Body) <= MaxFact {
		return nil
	}
	return fault.New(fault.TooLarge, "too_large", fmt.Sprintf(
		"%s of %s has %d bytes; a fact has at most %d", e.Kind, e.Stream, len(e.Body), MaxFact))
}

// Event is a journal entry in the event log, for the read models of the shop and for other consumers.
type Event struct {
	Kind    string    `json:"kind"`
	Stream  string    `json:"stream"` // the order's id, or stock/SKU
	Version uint64    `json:"version"`
	At      time.Time `json:"at"`
	Fact    Fact      `json:"fact"`
}

// EventID returns the identifier of a journal entry in the event log. It is the same each time the entry is relayed.
func EventID(stream string, version uint64) string { return fmt.Sprintf("%s/%d", stream, version) }

// Messages returns the outbox messages of journal entries.
func Messages(entries []journal.Entry) []outbox.Message {
	messages := make([]outbox.Message, len(entries))
	for i, e := range entries {
		messages[i] = outbox.Message{
			Seq: e.Seq, ID: EventID(e.Stream, e.Version), Key: e.Stream, Kind: e.Kind, At: e.At, Body: encodeEvent(e),
		}
	}
	return messages
}

// encodeEvent returns the JSON of an event. It copies the body of the journal entry, which is JSON: json.Marshal would
// check the body again, at a higher cost than everything else.
func encodeEvent(e journal.Entry) []byte {
	stream, err := json.Marshal(e.Stream)
	if err != nil {
		panic("shop: a stream's name cannot be encoded: " + err.Error())
	}
	event := make([]byte, 0, len(e.Body)+len(stream)+128)
	event = fmt.Appendf(event, `{"kind":"%s","stream":%s,"version":%d,"at":"%s","fact":`,
		e.Kind, stream, e.Version, e.At.Format(time.RFC3339Nano))
	return append(append(event, e.Body...), '}')
}

// DecodeEvents decodes messages of Topic.
func DecodeEvents(messages []eventlog.Message) ([]Event, error) {
	events := make([]Event, len(messages))
	for i, m := range messages {
		if err := jsonv2.Unmarshal(m.Value, &events[i]); err != nil {
			return nil, fmt.Errorf("decode event %s: %w", m.ID, err)
		}
	}
	return events, nil
}
