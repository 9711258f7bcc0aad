package feed

import (
	"reflect"
	"testing"

	"agora/fault"
)

// TestLiveCursorsKeepTheirForm pins what readers of streams hold over an upgrade.
func TestLiveCursorsKeepTheirForm(t *testing.T) {
	shape := Shape{Posts: 2, Graph: 2}
	cursor := LiveCursor{Posts: goldenReach.Posts, Graph: At(7, 70_000)}
	if got, want := cursor.Encode(), "BAcArALwogQ"; got != want {
		t.Errorf("a cursor is %s, want %s", got, want)
	}
	if got, err := ParseLiveCursor(cursor.Encode(), shape, 7); err != nil || !reflect.DeepEqual(got, cursor) {
		t.Errorf("ParseLiveCursor = %v, %v; want %v", got, err, cursor)
	}
	for s, want := range map[string]string{goldenReach.Encode(): fault.Invalid.String(), cursor.Encode()[:6]: fault.Invalid.String()} {
		if _, err := ParseLiveCursor(s, shape, 7); fault.CodeOf(err) != want {
			t.Errorf("ParseLiveCursor(%q) = %v, want the code %s", s, err, want)
		}
	}
	if _, err := ParseLiveCursor(cursor.Encode(), shape, 8); fault.CodeOf(err) != CodeChanged {
		t.Errorf("ParseLiveCursor of another epoch = %v, want the code %s", err, CodeChanged)
	}
	if got, err := ParseLiveCursor(LiveCursor{}.Encode(), shape, 7); err != nil || got.Posts != nil {
		t.Errorf("ParseLiveCursor of nothing = %v, %v", got, err)
	}
}

// TestALiveCursorIsShort checks the length with a thousand posts in each of 16 partitions, and with a thousand million.
func TestALiveCursorIsShort(t *testing.T) {
	for offset, want := range map[int64]int{1000: 51, 1_000_000_000: 116} {
		c := LiveCursor{Posts: make(Vector, 16), Graph: At(1, offset)}
		for p := range c.Posts {
			c.Posts[p] = At(1, offset)
		}
		if got := len(c.Encode()); got > want {
			t.Errorf("with offsets of %d, a cursor has %d bytes, want at most %d", offset, got, want)
		}
	}
}

func FuzzLiveCursor(f *testing.F) {
	f.Add(LiveCursor{Posts: goldenReach.Posts, Graph: At(7, 3)}.Encode())
	f.Fuzz(func(t *testing.T, s string) {
		shape := Shape{Posts: 2, Graph: 2}
		c, err := ParseLiveCursor(s, shape, 7)
		if err != nil {
			if !fault.Is(err, fault.Invalid) && fault.CodeOf(err) != CodeChanged {
				t.Errorf("ParseLiveCursor(%q) = %v", s, err)
			}
			return
		}
		if again, err := ParseLiveCursor(c.Encode(), shape, 7); err != nil || !reflect.DeepEqual(c, again) {
			t.Errorf("%q is read as %v, and again as %v, %v", s, c, again, err)
		}
	})
}
