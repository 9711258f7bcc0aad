package analytics

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/golden"
	"pgregory.net/rapid"

	"agora/fault"
)

const testArrival = Micros(1_764_244_800_000_000) // 2025-11-27

func anyEvent(t *rapid.T, n int) Event {
	e := Event{
		Time: testArrival + Micros(rapid.Int64Range(-1e15, 8e10).Draw(t, "time")),
		Type: rapid.SampledFrom([]string{"order.placed", "page", "商品", "x"}).Draw(t, "type"),
		Call: Call(rapid.IntRange(0, int(calls)-1).Draw(t, "call")),
		ID:   fmt.Sprintf("id-%d-%s", n, rapid.StringMatching(`[a-z]{0,300}`).Draw(t, "id")),
		User: rapid.SampledFrom([]string{"", "u1", "u2", strings.Repeat("u", 500)}).Draw(t, "user"),
	}
	e.Anonymous = rapid.SampledFrom([]string{"", "a1", "a2"}).Draw(t, "anonymous")
	e.Session = rapid.StringMatching(`s[0-9]{0,2}`).Draw(t, "session")
	e.Properties = rapid.SampledFrom([]string{"", `{"a":1}`, `{"long":"` + strings.Repeat("é", 200) + `"}`}).Draw(t, "properties")
	for column := range uint16(5) {
		switch kind := Kind(rapid.IntRange(0, 4).Draw(t, "kind")); kind {
		case 0:
		case Text:
			e.Values = append(e.Values, Value{Column: column, Kind: kind, Text: rapid.SampledFrom([]string{"", "DE", "GB"}).Draw(t, "text")})
		case Boolean:
			e.Values = append(e.Values, Value{Column: column, Kind: kind, Int: rapid.Int64Range(0, 1).Draw(t, "bool")})
		default:
			e.Values = append(e.Values, Value{Column: column, Kind: kind, Int: rapid.Int64Range(-maxDecimal, maxDecimal).Draw(t, "int")})
		}
	}
	return e
}

func TestABatchHoldsWhatWasAdded(t *testing.T) {
	builder, batch := NewBuilder("web", time.Hour, testArrival), &Batch{} // used again, as servers do
	rapid.Check(t, func(t *rapid.T) {
		builder.Reset("web", time.Hour, testArrival)
		var want []Event
		for n := range rapid.IntRange(0, 100).Draw(t, "events") {
			e := anyEvent(t, n)
			reason, full := builder.Add(&e)
			if reason != Accepted || full {
				t.Fatalf("Add = %v, %t", reason, full)
			}
			want = append(want, e)
		}
		raw := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 50), 0, 5).Draw(t, "raw")
		for i, item := range raw {
			builder.Reject(Reason(1+i), item)
		}
		record := builder.Append([]byte("before"))[6:]
		if err := batch.Decode(record); err != nil {
			t.Fatal(err)
		}
		h, ok := HeaderOf(record)
		if !ok || h != batch.Header || h != builder.Header() || h.Rows != len(want) || h.Rejected != len(raw) {
			t.Errorf("header %+v, %t; builder %+v", h, ok, builder.Header())
		}
		for i := range want {
			if got := batch.Event(i); !reflect.DeepEqual(got, want[i]) {
				t.Errorf("event %d = %+v, want %+v", i, got, want[i])
			}
		}
		for i := range raw {
			if !bytes.Equal(batch.Raw.At(i), raw[i]) || batch.Reasons[i] != Reason(1+i) {
				t.Errorf("rejected %d = %q, %v", i, batch.Raw.At(i), batch.Reasons[i])
			}
		}
	})
}

func TestABatchIsFullBeforeItIsTooLarge(t *testing.T) {
	for _, size := range []int{0, 1000, MaxEvent - 600} {
		b := NewBuilder("web", time.Hour, testArrival)
		n := 0
		for ; ; n++ {
			e := Event{Time: testArrival, Type: "t", ID: fmt.Sprint(n), Properties: strings.Repeat(" ", size)}
			e.Values = []Value{{Column: uint16(n % MaxColumns), Kind: Integer, Int: int64(n)}}
			reason, full := b.Add(&e)
			if reason != Accepted {
				t.Fatal(reason)
			}
			if full {
				break
			}
		}
		for !b.Reject(BadJSON, make([]byte, size)) {
			continue
		}
		record := b.Append(nil)
		if len(b.payload) > MaxPayload || len(record) > MaxRecord || n == 0 {
			t.Errorf("%d events of %d bytes give a payload of %d and a record of %d", n, size, len(b.payload), len(record))
		}
		if err := new(Batch).Decode(record); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatIsNoEventIsRejected(t *testing.T) {
	good := Event{Time: testArrival, Type: "t", ID: "1"}
	for want, change := range map[Reason]func(e *Event){
		Accepted: func(e *Event) {
			e.Time = testArrival.Floor(time.Hour) - Micros((55 * 365 * 24 * time.Hour).Microseconds())
		},
		NoType:     func(e *Event) { e.Type = "" },
		NoID:       func(e *Event) { e.ID = "" },
		BadText:    func(e *Event) { e.User = "a\x00" },
		TooLong:    func(e *Event) { e.ID = strings.Repeat("x", MaxText+1) },
		TooLarge:   func(e *Event) { e.Properties = strings.Repeat("x", MaxEvent) },
		BadTime:    func(e *Event) { e.Time = MicrosOf(time.Time{}) },
		Future:     func(e *Event) { e.Time += Micros(MaxFuture.Microseconds()) + 1 },
		Reserved:   func(e *Event) { e.Type = "__other" },
		BadColumns: func(e *Event) { e.Values = []Value{{Column: 1, Kind: Integer}, {Column: 1, Kind: Text}} },
		BadCall:    func(e *Event) { e.Call = calls },
	} {
		e := good
		change(&e)
		if got := e.Check(testArrival); got != want {
			t.Errorf("Check = %v, want %v", got, want)
		}
	}
	for _, text := range []string{"\xff", "a\x7f", "\xed\xa0\x80"} { // the last one is half an emoji
		e := good
		e.Type = text
		if got := e.Check(testArrival); got != BadText {
			t.Errorf("Check of %q = %v", text, got)
		}
	}
}

// TestTextsAreCheckedEightBytesAtATime compares the fast check with the plain one.
func TestTextsAreCheckedEightBytesAtATime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOfN(rapid.SampledFrom([]byte("a~ \x00\x1f\x20\x7e\x7f\x80\xc3\xa9\xff")), 0, 20).Draw(t, "bytes"))
		if rapid.Bool().Draw(t, "plain") {
			s = strings.Repeat("abc", 5) + s
		}
		if got, want := isText(s), isPlain(s); got != want {
			t.Errorf("isText(%q) = %t, want %t", s, got, want)
		}
	})
}

func TestPeriodsBefore1970RoundDown(t *testing.T) {
	const five = 5 * time.Minute
	for at, want := range map[string]string{
		"1969-12-31T23:59:59Z": "1969-12-31T23:55:00Z", "1969-12-31T23:55:00Z": "1969-12-31T23:55:00Z",
		"1970-01-01T00:04:59Z": "1970-01-01T00:00:00Z", "2010-12-01T08:26:00Z": "2010-12-01T08:25:00Z",
	} {
		parsed, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := MicrosOf(parsed).Floor(five).Time().Format(time.RFC3339); got != want {
			t.Errorf("the window of %s begins at %s, want %s", at, got, want)
		}
	}
}

// goldenBatch is a batch with all that a batch can have, and columns without repetition so that s2 does not help.
func goldenBatch() []byte {
	b := NewBuilder("src_golden", time.Hour, testArrival)
	for i := range 3 {
		e := Event{
			Time: testArrival - Micros(i*1000), Type: "order.placed", ID: fmt.Sprintf("message-%d", i), User: "user-1",
			Anonymous: fmt.Sprintf("anonymous-%d", i), Session: "session", Properties: fmt.Sprintf(`{"i":%d}`, i), Call: Call(i),
		}
		if i > 0 {
			e.Values = []Value{
				{Column: 3, Kind: Decimal, Int: int64(i) * 19_9900}, {Column: 1, Kind: Text, Text: "DE"}, {Column: 2, Kind: Boolean, Int: 1},
			}
		}
		b.Add(&e)
	}
	b.Reject(BadJSON, []byte("{"))
	return b.Append(nil)
}

// TestRecordsKeepTheirForm pins what is stored. Another form needs another version of the codec, which reads this one too.
func TestRecordsKeepTheirForm(t *testing.T) {
	golden.AssertBytes(t, goldenBatch(), "batch.bin")
	var b Batch
	if err := b.Decode(golden.Get(t, "batch.bin")); err != nil || b.Event(2).ID != "message-2" {
		t.Errorf("Decode of the golden batch: %v", err)
	}
	key := Key{1, 2, 3}
	golden.Assert(t, fmt.Sprintf("tick %s\nerasure %s\n",
		hex.EncodeToString(Tick{Epoch: 7, At: testArrival}.Append(nil)),
		hex.EncodeToString(Erasure{Before: testArrival, Subjects: []Subject{key.User("u"), key.Anonymous("a")}}.Append(nil))), "records.txt")
}

func TestADamagedRecordIsFound(t *testing.T) {
	for _, record := range [][]byte{goldenBatch(), Tick{Epoch: 1}.Append(nil), Erasure{}.Append(nil)} {
		for i := range record {
			damaged := bytes.Clone(record)
			damaged[i] ^= 1
			if kind, _, err := KindOf(damaged); err == nil && i != 1 {
				t.Errorf("a damaged byte %d of a record of kind %d is not found", i, kind)
			}
			if err := new(Batch).Decode(record[:i]); fault.CodeOf(err) != CodeDamaged {
				t.Errorf("Decode of %d bytes = %v", i, err)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(goldenBatch())
	f.Add(Tick{Epoch: 1}.Append(nil))
	f.Fuzz(func(t *testing.T, record []byte) {
		if len(record) > envelope {
			seal(record, 0) // so that the columns are reached
		}
		var b Batch
		if err := b.Decode(record); err != nil {
			return
		}
		again := NewBuilder(b.Source, time.Duration(b.Lateness)*time.Microsecond, b.Arrival)
		for row := range b.Rows {
			e := b.Event(row)
			if reason, full := again.Add(&e); reason != Accepted || full {
				return // no builder made it
			}
		}
		for i := range b.Rejected {
			again.Reject(b.Reasons[i], b.Raw.At(i))
		}
		var c Batch
		if err := c.Decode(again.Append(nil)); err != nil {
			t.Fatal(err)
		}
		for row := range b.Rows {
			if got, want := c.Event(row), b.Event(row); !reflect.DeepEqual(got, want) {
				t.Errorf("row %d = %+v, want %+v", row, got, want)
			}
		}
	})
}

func FuzzRecords(f *testing.F) {
	f.Add(Tick{Epoch: 1}.Append(nil)[envelope:])
	f.Add(Erasure{Subjects: []Subject{{1, 2}}}.Append(nil)[envelope:])
	f.Fuzz(func(t *testing.T, body []byte) {
		if tick, err := DecodeTick(body); err == nil && !bytes.Equal(tick.Append(nil)[envelope:], body) {
			t.Errorf("tick %+v has another form", tick)
		}
		if e, err := DecodeErasure(body); err == nil && !bytes.Equal(e.Append(nil)[envelope:], body) {
			t.Errorf("erasure %+v has another form", e)
		}
	})
}
