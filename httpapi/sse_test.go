package httpapi

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"agora/fault"
)

// parseEvent parses an event as a client does (HTML standard, section 9.2.6).
func parseEvent(t testing.TB, encoded string) (e Event, events int) {
	t.Helper()
	var data []string
	for line := range strings.SplitSeq(strings.TrimSuffix(encoded, "\n"), "\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			events++
		case name == "id":
			e.ID = value
		case name == "event":
			e.Name = value
		case name == "data":
			data = append(data, value)
		case name != "retry":
			t.Errorf("%q has the field %q", encoded, name)
		}
	}
	e.Data = []byte(strings.Join(data, "\n"))
	return e, events
}

func FuzzEvent(f *testing.F) {
	f.Add("1", "post", "one\ntwo")
	f.Add("", "", "\r\n\r\n")
	f.Add("a\nb", "", "")
	f.Add("a\x00b", "", "")
	f.Add("", "x\r", "id: 7")
	f.Fuzz(func(t *testing.T, id, name, data string) {
		encoded, err := Event{ID: id, Name: name, Data: []byte(data), Retry: time.Second}.append([]byte("before"))
		if wrong := strings.ContainsAny(id+name, "\r\n\x00"); wrong != (err != nil) || wrong && !fault.Is(err, fault.Internal) {
			t.Fatalf("id %q and name %q gave %v", id, name, err)
		}
		if err != nil {
			if string(encoded) != "before" {
				t.Fatalf("a wrong event leaves %q", encoded)
			}
			return
		}
		text, ok := strings.CutPrefix(string(encoded), "before")
		if !ok || !strings.HasSuffix(text, "\n\n") {
			t.Fatalf("got %q", encoded)
		}
		got, events := parseEvent(t, text)
		want := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(data)
		if events != 1 || got.ID != id || got.Name != name || string(got.Data) != want {
			t.Errorf("got %d events, the last %q, of %q %q %q", events, got, id, name, data)
		}
	})
}

func TestEventWithoutData(t *testing.T) {
	got, err := Event{ID: "7"}.append(nil)
	if err != nil || !bytes.Equal(got, []byte("id: 7\n\n")) {
		t.Errorf("got %q, %v", got, err)
	}
}
