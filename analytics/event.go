package analytics

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of an event. Sizes are in bytes.
const (
	MaxEvent  = 32 << 10 // all texts of an event and its properties together
	MaxType   = 200
	MaxText   = 512 // an identifier, or the value of a text column
	MaxFuture = 24 * time.Hour
)

// Micros is a time in microseconds since 1970, in UTC. It may be negative.
type Micros int64

// The first and the last time that an event may have: years have four digits.
const (
	firstTime = Micros(-30610224000_000000) // 1000-01-01
	lastTime  = Micros(253402300800_000000) // 10000-01-01, which is the first one that is refused
	noTime    = Micros(-62135596800_000000) // Go's zero time
)

// MicrosOf returns the time in microseconds. Times that Micros cannot hold are not valid either.
func MicrosOf(t time.Time) Micros { return Micros(t.UnixMicro()) }

// Time returns the time in UTC.
func (m Micros) Time() time.Time { return time.UnixMicro(int64(m)).UTC() }

// Floor returns the start of the period of length d that m is in. Periods are counted from 1970, and times before it
// round down too.
func (m Micros) Floor(d time.Duration) Micros {
	step := Micros(d.Microseconds())
	rest := m % step
	if rest < 0 {
		rest += step
	}
	return m - rest
}

// Call says which call of the API an event came by.
type Call uint8

// The calls of the API.
const (
	Track Call = iota
	Identify
	Page
	Screen
	Group
	Alias
	calls
)

var callNames = [calls]string{"track", "identify", "page", "screen", "group", "alias"}

// String returns the name of the call, such as "track".
func (c Call) String() string {
	if c < calls {
		return callNames[c]
	}
	return "unknown"
}

// Event is one thing that happened, as a source reports it. Texts are valid UTF-8 without control characters.
type Event struct {
	Time       Micros // when it happened, by the source's clock
	Type       string // what happened, such as "order.placed"
	Call       Call
	ID         string // the message id: one source uses it once
	User       string
	Anonymous  string
	Session    string
	Values     []Value // of declared columns; a column occurs once
	Properties string  // all that is not declared: a JSON object in normal form, or empty
}

// Kind is what the values of a declared column are.
type Kind uint8

// The kinds of declared columns.
const (
	Integer Kind = iota + 1
	Decimal      // 18 digits, 4 of them after the point: Int is the number times 10,000
	Boolean      // Int is 0 or 1
	Text
)

// Summed reports whether windows hold the sum of such a column.
func (k Kind) Summed() bool { return k == Integer || k == Decimal }

const maxDecimal = 999_999_999_999_999_999 // 18 digits

// Value is what an event has in a declared column. Columns are numbered when they are declared, and keep number and kind.
type Value struct {
	Column uint16
	Kind   Kind
	Int    int64
	Text   string
}

// Reason says why an item that was sent is no event. Reasons are stored as numbers: new ones go to the end.
type Reason uint8

// The reasons for which an item is rejected.
const (
	Accepted   Reason = iota
	BadJSON           // it cannot be parsed
	NoType            // the type is missing
	NoID              // the message id is missing
	BadText           // a text is not UTF-8, or has control characters
	TooLong           // a text is over its limit
	TooLarge          // the event is over MaxEvent
	BadTime           // the time is missing, or its year has not four digits
	Future            // the time is more than MaxFuture after the arrival
	Reserved          // the type begins with "__"
	BadColumns        // a column occurs twice, or its value is not of its kind
	BadCall           // there is no such call
	reasons
)

var reasonNames = [reasons]string{
	"accepted", "json", "no_type", "no_id", "text", "too_long", "too_large", "time", "future", "reserved", "columns", "call",
}

// String returns the stable name of the reason.
func (r Reason) String() string {
	if r < reasons {
		return reasonNames[r]
	}
	return "unknown"
}

// Check returns why the event is rejected when it arrives at the given time, or Accepted.
// That the properties are a JSON object in normal form is for the parser to see to.
func (e *Event) Check(arrival Micros) Reason {
	switch {
	case e.Type == "":
		return NoType
	case e.ID == "":
		return NoID
	case e.Call >= calls:
		return BadCall
	case strings.HasPrefix(e.Type, "__"):
		return Reserved
	case e.Time == noTime || e.Time < firstTime || e.Time >= lastTime:
		return BadTime
	case e.Time > arrival+Micros(MaxFuture.Microseconds()):
		return Future
	case len(e.Type) > MaxType || len(e.ID) > MaxText || len(e.User) > MaxText || len(e.Anonymous) > MaxText || len(e.Session) > MaxText:
		return TooLong
	case !isText(e.Type) || !isText(e.ID) || !isText(e.User) || !isText(e.Anonymous) || !isText(e.Session):
		return BadText
	case e.size() > MaxEvent:
		return TooLarge
	case !utf8.ValidString(e.Properties):
		return BadText
	}
	return e.checkValues()
}

func (e *Event) size() int {
	n := len(e.Type) + len(e.ID) + len(e.User) + len(e.Anonymous) + len(e.Session) + len(e.Properties)
	for i := range e.Values {
		n += 8 + len(e.Values[i].Text)
	}
	return n
}

func (e *Event) checkValues() Reason {
	for i, v := range e.Values {
		for _, other := range e.Values[:i] {
			if other.Column == v.Column {
				return BadColumns
			}
		}
		switch {
		case v.Kind == Text && len(v.Text) > MaxText:
			return TooLong
		case v.Kind == Text && !isText(v.Text):
			return BadText
		case v.Kind == 0 || v.Kind > Text,
			v.Kind == Text && v.Int != 0,
			v.Kind != Text && v.Text != "",
			v.Kind == Boolean && v.Int != 0 && v.Int != 1,
			v.Kind == Decimal && (v.Int < -maxDecimal || v.Int > maxDecimal):
			return BadColumns
		}
	}
	return Accepted
}

// isText reports whether s is valid UTF-8 without control characters: such texts break no reader of the files.
func isText(s string) bool {
	const ones = 0x0101010101010101
	rest, special := s, uint64(0)
	for ; len(rest) >= 8; rest = rest[8:] {
		word := uint64(rest[0]) | uint64(rest[1])<<8 | uint64(rest[2])<<16 | uint64(rest[3])<<24 |
			uint64(rest[4])<<32 | uint64(rest[5])<<40 | uint64(rest[6])<<48 | uint64(rest[7])<<56
		// The upper bit of a byte gets set if it is set in the text, if the byte is below 0x20, or if it is 0x7f.
		special |= word | (word - 0x20*ones) | (word + ones)
	}
	for i := range len(rest) {
		c := uint64(rest[i])
		special |= c | (c - 0x20) | (c + 1)
	}
	return special&(0x80*ones) == 0 || isPlain(s)
}

// isPlain is isText for any text, one byte at a time.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}

// SourceID identifies a source of events, such as a shop's web page. It is 1 to 64 bytes without control characters.
type SourceID string

// Valid reports whether the identifier has the form of one.
func (s SourceID) Valid() bool { return s != "" && len(s) <= 64 && isText(string(s)) }

// NeverLate is the lateness of a source whose events are never late, such as an import of old ones.
const NeverLate = time.Duration(-1)

// DefaultLateness is the lateness of a source that declares none.
const DefaultLateness = time.Hour

// isLate reports whether an event is late. It follows from the event and its source alone, so that it is the same
// whatever the number of partitions, and whoever asks.
func isLate(at, arrival, lateness Micros) bool { return lateness >= 0 && arrival-at > lateness }
