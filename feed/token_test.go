package feed

import (
	"reflect"
	"testing"
	"time"

	"agora/fault"
	"agora/pattern/eventlog"
)

var goldenReach = Reach{Posts: Vector{At(7, 0), At(7, 300)}, Graph: Vector{At(7, 1), At(7, 1<<40-1)}}

// TestTokensKeepTheirForm pins what clients hold over an upgrade: another form takes another first byte.
func TestTokensKeepTheirForm(t *testing.T) {
	shape := Shape{Posts: 2, Graph: 2}
	cursor := Cursor{Before: PostID{1, 15: 2}, Posts: goldenReach.Posts}
	asOf := AsOf{Posts: goldenReach.Posts, Moment: goldenReach}
	for _, tt := range []struct{ name, got, want string }{
		{"cursor", cursor.Encode(), "AQEAAAAAAAAAAAAAAAAAAAIHAKwC"},
		{"reach", goldenReach.Encode(), "AgcArAIB______8f"},
		{"as_of", asOf.Encode(), "AwcArAIArAIB______8f"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %s, want %s", tt.name, tt.got, tt.want)
		}
	}
	if got, err := ParseCursor(cursor.Encode(), shape, 7); err != nil || !reflect.DeepEqual(got, cursor) {
		t.Errorf("ParseCursor = %v, %v; want %v", got, err, cursor)
	}
	if got, err := ParseReach("after", goldenReach.Encode(), shape, 7); err != nil || !reflect.DeepEqual(got, goldenReach) {
		t.Errorf("ParseReach = %v, %v; want %v", got, err, goldenReach)
	}
	if got, err := ParseAsOf(asOf.Encode(), shape, 7); err != nil || !reflect.DeepEqual(got, asOf) {
		t.Errorf("ParseAsOf = %v, %v; want %v", got, err, asOf)
	}
	if _, err := ParseCursor(cursor.Encode(), shape, 8); fault.CodeOf(err) != CodeChanged {
		t.Errorf("ParseCursor of another epoch = %v, want code %s", err, CodeChanged)
	}
	if _, err := ParseCursor(cursor.Encode(), Shape{Posts: 3, Graph: 2}, 7); !fault.Is(err, fault.Invalid) {
		t.Errorf("ParseCursor of another shape = %v, want Invalid", err)
	}
}

func FuzzTokens(f *testing.F) {
	f.Add(goldenReach.Encode())
	f.Add(Cursor{Posts: goldenReach.Posts}.Encode())
	f.Add(AsOf{goldenReach.Posts, goldenReach}.Encode())
	f.Fuzz(func(t *testing.T, s string) {
		shape := Shape{Posts: 2, Graph: 2}
		if _, err := ParseCursor(s, shape, 7); err != nil && !fault.Is(err, fault.Invalid) && fault.CodeOf(err) != CodeChanged {
			t.Errorf("ParseCursor(%q) = %v", s, err)
		}
		if r, err := ParseReach("after", s, shape, 7); err == nil {
			if again, err := ParseReach("after", r.Encode(), shape, 7); err != nil || !reflect.DeepEqual(r, again) {
				t.Errorf("%q is read as %v, and again as %v, %v", s, r, again, err)
			}
		}
		if _, err := ParseAsOf(s, shape, 7); err != nil && !fault.Is(err, fault.Invalid) && fault.CodeOf(err) != CodeChanged {
			t.Errorf("ParseAsOf(%q) = %v", s, err)
		}
	})
}

// TestRecordsKeepTheirForm pins the records of the log, which outlive the program that has written them.
func TestRecordsKeepTheirForm(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	author, other := UserID{15: 1}, UserID{15: 2}
	post := &Post{
		ID: PostID{5: 1}, Author: author, Text: "hello", Product: "prd_1", Media: []string{"https://example.org/a.png"}, CreatedAt: at,
		ReplyTo: PostID{5: 2}, Parent: Parent{Partition: 1, At: At(7, 9)}, At: At(7, 3),
	}
	for _, tt := range []struct {
		record eventlog.Record
		id     string // empty for one that is drawn
		value  string
		want   Record
	}{
		{PostRecord(post), post.ID.String(),
			`{"text":"hello","product_id":"prd_1","reply_to":"pst_00000000020000000000000000","parent":{"partition":1,"epoch":7,"offset":9},"media":["https://example.org/a.png"],"created_at":"2026-01-02T03:04:05Z"}`,
			Record{Kind: kindPosted, Actor: author, Post: post}},
		{deleteRecord(post.ID, author, at), post.ID.String() + "/deleted", `{"post":"pst_00000000010000000000000000"}`,
			Record{Kind: kindDeleted, Actor: author, PostID: post.ID}},
		{modeRecord(author, 3, at), author.String() + "/mode/3", `{"number":3}`, Record{Kind: kindMode, Actor: author, Number: 3}},
		{EdgeRecord(EdgeKey{Follow, author, other}, true, at), "", `{"to":"usr_00000000000000000000000002"}`, Record{Kind: kindFollowed, Actor: author, To: other}},
		{EdgeRecord(EdgeKey{Mute, author, other}, false, at), "", `{"to":"usr_00000000000000000000000002"}`, Record{Kind: kindUnmuted, Actor: author, To: other}},
		{ReturnRecord(author, at), "", `{}`, Record{Kind: kindReturned, Actor: author}},
		{activeRecord(author, at), "", `{}`, Record{Kind: kindActive, Actor: author}},
		{countedRecord(author, at), "", `{}`, Record{Kind: kindCounted, Actor: author}},
	} {
		if string(tt.record.Value) != tt.value {
			t.Errorf("%s is stored as\n%s, want\n%s", tt.record.Kind, tt.record.Value, tt.value)
		}
		if tt.id != "" && tt.record.ID != tt.id {
			t.Errorf("%s has the ID %s, want %s", tt.record.Kind, tt.record.ID, tt.id)
		}
		tt.want.At = At(7, 3)
		got, err := Decode(7, eventlog.Message{Record: tt.record, Offset: 3})
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s is read as %+v, %v; want %+v", tt.record.Kind, got, err, tt.want)
		}
	}
	if r, err := Decode(7, eventlog.Message{Record: eventlog.Record{Kind: "user.promoted", Value: []byte("?")}}); err != nil || r.known() {
		t.Errorf("a kind that is not known is read as %+v, %v", r, err)
	}
}
