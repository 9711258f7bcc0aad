package cassandra

import (
	"reflect"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		url   string
		want  address
		error string // a part of it
	}{
		{url: "cassandra://a/feed", want: address{hosts: []string{"a"}, port: 9042, keyspace: "feed", replication: 3}},
		{
			url:  "cassandra://u:secret@10.0.0.1,10.0.0.2:9142/f_1?replication=1&datacenter=near&tls=true",
			want: address{hosts: []string{"10.0.0.1", "10.0.0.2"}, port: 9142, user: "u", password: "secret", keyspace: "f_1", replication: 1, datacenter: "near", tls: true},
		},
		{url: "cassandra://u:sec ret@a/feed", error: "is not a URL"},
		{url: "redis://a/feed", error: "is not a URL"},
		{url: "cassandra:///feed", error: "names no host"},
		{url: "cassandra://a,/feed", error: "an empty one"},
		{url: "cassandra://a:0/feed", error: "port"},
		{url: "cassandra://a", error: "keyspace"},
		{url: "cassandra://a/Feed", error: "keyspace"},
		{url: "cassandra://a/feed;drop", error: "keyspace"},
		{url: "cassandra://a/feed?replication=0", error: "replication"},
		{url: "cassandra://a/feed?replication=x", error: "replication"},
		{url: "cassandra://a/feed?tls=maybe", error: "tls"},
		{url: "cassandra://a/feed?factor=1", error: "unknown setting"},
	} {
		got, err := parse(tt.url)
		if tt.error != "" {
			if err == nil || !strings.Contains(err.Error(), tt.error) || strings.Contains(err.Error(), "sec") {
				t.Errorf("parse(%q) = %v, want an error with %q and no password", tt.url, err, tt.error)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("parse(%q) = %+v, %v; want %+v", tt.url, got, err, tt.want)
		}
	}
}
