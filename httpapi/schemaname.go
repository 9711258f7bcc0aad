package httpapi

import (
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plainRooms are the rooms whose types have their own names in the OpenAPI document. The types of all others carry the name
// of their room before their own: Event of the room feed is FeedEvent. So no room can take a name from another, in
// whichever order their routes are registered, and the names of the first systems stay as they are.
var plainRooms = map[string]bool{"shop": true, "accounts": true, "fault": true, "httpapi": true}

// schemaName names the schema of a type. A type without a name gets the hint: huma makes it of the name of the struct
// that the type is in, and that struct is the input or the answer of the operation that is being registered.
func (s *Server) schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Name() == "" {
		return s.registering + titled(strings.ReplaceAll(hint, ".", ""))
	}
	// A generic type is named like Page[agora/feed.Post], and one of two parameters like Pair[int,agora/feed.Post].
	parts := strings.FieldsFunc(strings.ReplaceAll(t.Name(), "[]", "List,"), func(r rune) bool { return strings.ContainsRune("[],*", r) })
	var name strings.Builder
	for i, part := range parts {
		dot := strings.LastIndexByte(part, '.')
		path := part[:max(dot, 0)]
		if i == 0 {
			path = t.PkgPath()
		}
		name.WriteString(roomPrefix(path))
		name.WriteString(titled(part[dot+1:]))
	}
	return name.String()
}

// roomPrefix returns what the names of the schemas of a package begin with.
func roomPrefix(packagePath string) string {
	path, inside := strings.CutPrefix(strings.TrimSuffix(packagePath, "_test"), "agora/")
	if !inside {
		return ""
	}
	rooms := strings.Split(path, "/")
	room := rooms[0]
	if len(rooms) > 1 && (room == "httpapi" || room == "pattern" || room == "engine") {
		room = rooms[1] // httpapi/feed is the feed's
	}
	if plainRooms[room] {
		return ""
	}
	return titled(room)
}

func titled(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(first)) + name[size:]
}
