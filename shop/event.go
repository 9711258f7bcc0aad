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

// Topic is the event log's topic of all facts of the shop, keyed by stream.
const Topic = "shop"

// MaxFact is the most bytes of a fact that the event log can take. The rest of a record is for what an event has
// around its fact, which is a few hundred bytes.
const MaxFact = eventlog.MaxRecord - 4<<10

// checkSize refuses a fact that the event log could not take. Once it was kept, the outbox would offer it for
// ever, and hold up everything behind it.
func checkSize(e journal.Entry) error {
	if len(e.Body) <= MaxFact {
		return nil
	}
	return fault.New(fault.TooLarge, "too_large", fmt.Sprintf(
		"%s of %s has %d bytes, and a fact at most %d", e.Kind, e.Stream, len(e.Body), MaxFact))
}

// Event is a journal entry as the event log carries it, for this domain's read models and for others.
type Event struct {
	Kind    string    `json:"kind"`
	Stream  string    `json:"stream"` // the order's id, or stock/SKU
	Version uint64    `json:"version"`
	At      time.Time `json:"at"`
	Fact    Fact      `json:"fact"`
}

// EventID returns the identifier of a journal entry on the event log: the same each time it is sent.
func EventID(stream string, version uint64) string { return fmt.Sprintf("%s/%d", stream, version) }

// Messages are journal entries as the outbox hands them on.
func Messages(entries []journal.Entry) []outbox.Message {
	messages := make([]outbox.Message, len(entries))
	for i, e := range entries {
		messages[i] = outbox.Message{
			Seq: e.Seq, ID: EventID(e.Stream, e.Version), Key: e.Stream, Kind: e.Kind, At: e.At, Body: encodeEvent(e),
		}
	}
	return messages
}

// encodeEvent puts a journal entry's body into its event as it is. The body is JSON already, and checking
// it again would cost more than all the rest.
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

// DecodeEvents reads messages of Topic.
func DecodeEvents(messages []eventlog.Message) ([]Event, error) {
	events := make([]Event, len(messages))
	for i, m := range messages {
		if err := jsonv2.Unmarshal(m.Value, &events[i]); err != nil {
			return nil, fmt.Errorf("decode event %s: %w", m.ID, err)
		}
	}
	return events, nil
}
