package httpapi

import (
	"context"
	"net/http"
	"reflect"
	"testing"

	"agora/fault"
	"agora/pattern/eventlog"
	"agora/pattern/saga"
	"agora/shop"

	"github.com/danielgtaylor/huma/v2"
)

type page[T any] struct {
	Items []T `json:"items"`
}

func TestSchemaNames(t *testing.T) {
	s := New(Options{})
	for _, tt := range []struct {
		of   reflect.Type
		want string
	}{
		{reflect.TypeFor[shop.Order](), "Order"},
		{reflect.TypeFor[*shop.Order](), "Order"},
		{reflect.TypeFor[fault.Field](), "Field"},
		{reflect.TypeFor[Problem](), "Problem"},
		{reflect.TypeFor[huma.ErrorModel](), "ErrorModel"},
		{reflect.TypeFor[saga.Record](), "SagaRecord"},
		{reflect.TypeFor[eventlog.Record](), "EventlogRecord"},
		{reflect.TypeFor[page[shop.Order]](), "PageOrder"},
		{reflect.TypeFor[page[saga.Record]](), "PageSagaRecord"},
		{reflect.TypeFor[page[[]*eventlog.Record]](), "PageListEventlogRecord"},
		{reflect.TypeFor[page[map[string]int]](), "PageMapStringInt"},
	} {
		if got := s.schemaName(tt.of, "Hint"); got != tt.want {
			t.Errorf("%v is named %s, want %s", tt.of, got, tt.want)
		}
	}
	for path, want := range map[string]string{
		"agora/feed": "Feed", "agora/httpapi/feed": "Feed", "agora/httpapi/feed_test": "Feed", "agora/feed/stream": "Feed",
		"agora/httpapi/shop": "", "agora/httpapi": "", "agora/shop": "", "time": "", "agora/engine/postgres/orders": "Postgres",
	} {
		if got := roomPrefix(path); got != want {
			t.Errorf("the types of %s begin with %q, want %q", path, got, want)
		}
	}
}

// TestTwoTypesOfOneName registers two types with the same name, in either order. The names of the schemas are the same.
func TestTwoTypesOfOneName(t *testing.T) {
	first := func(s *Server) {
		Register(s, Route{Method: http.MethodGet, Path: "/v1/sagas", Access: Public},
			func(context.Context, *struct{}) (*Answer[saga.Record], error) { return nil, nil })
	}
	second := func(s *Server) {
		Register(s, Route{Method: http.MethodGet, Path: "/v1/events", Access: Public},
			func(context.Context, *struct{}) (*Answer[eventlog.Record], error) { return nil, nil })
	}
	for _, order := range [][]func(*Server){{first, second}, {second, first}} {
		s := New(Options{})
		for _, register := range order {
			register(s)
		}
		schemas := s.api.OpenAPI().Components.Schemas.Map()
		for name, property := range map[string]string{"SagaRecord": "Attempt", "EventlogRecord": "Kind"} {
			if schemas[name] == nil || schemas[name].Properties[property] == nil {
				t.Errorf("there is no schema %s with the property %s", name, property)
			}
		}
	}
}
