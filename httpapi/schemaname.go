package httpapi

import (
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plainRooms are the rooms whose schemas are named like their types. The schema of a type of another room has the name of the
// room as a prefix: that of feed.Event is FeedEvent. So two rooms can have types of one name, and the names do not depend
// on the order in which routes are registered.
var plainRooms = map[string]bool{"shop": true, "accounts": true, "fault": true, "httpapi": true}

// schemaName returns the name of the schema of a type. That of a type without a name is the hint, which huma makes from the
// struct that has the type as a field: the input or the answer of the operation that is being registered.
func (s *Server) schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Name() == "" {
		return s.registering + titled(strings.ReplaceAll(hint, ".", ""))
	}
	// The name of a generic type is like Pair[int,agora/feed.Post].
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

// roomPrefix returns the prefix of the schemas of a package.
func roomPrefix(packagePath string) string {
	path, inside := strings.CutPrefix(strings.TrimSuffix(packagePath, "_test"), "agora/")
	if !inside {
		return ""
	}
	rooms := strings.Split(path, "/")
	room := rooms[0]
	if len(rooms) > 1 && (room == "httpapi" || room == "pattern" || room == "engine") {
		room = rooms[1] // types of httpapi/feed belong to the feed
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
