package app

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Engine says what a port is kept in: a URL whose scheme names the engine, such as sqlite:orders.db.
type Engine struct {
	url    *url.URL
	params url.Values
}

// scheme is an engine that a port can be kept in, as its URL names it.
type scheme struct {
	name   string
	path   string                          // what the part after the colon names, such as "file"; "" if nothing stands there
	params map[string]func(s string) error // the parameters it takes
	server bool                            // it runs elsewhere, and what stands after its host is for its driver to read
}

// The schemes of the engines that exist. A port's key names those that can hold it.
var (
	sqliteFile       = scheme{name: "sqlite", path: "file"}
	pebbleFolder     = scheme{name: "pebble", path: "folder"}
	postgresServer   = scheme{name: "postgres", server: true}
	memoryOfSize     = scheme{name: "memory", params: map[string]func(string) error{"size": parses(size)}}
	simulatedGateway = scheme{name: "simulated", params: map[string]func(string) error{
		"latency": parses(latency), "decline": parses(share), "outage": parses(share),
	}}
)

func parses[T any](f form[T]) func(string) error {
	return func(s string) error {
		_, err := f.parse(s)
		return err
	}
}

// engine is the form of a port's URL. Its errors never quote the URL, as there may be a password in it.
func engine(schemes ...scheme) form[Engine] {
	names := make([]string, len(schemes))
	for i, s := range schemes {
		names[i] = s.name
	}
	return form[Engine]{name: strings.Join(names, "|") + ":…", show: redact, parse: func(s string) (Engine, error) {
		u, err := url.Parse(s)
		if err != nil {
			return Engine{}, errors.New("has to be a URL")
		}
		i := slices.Index(names, u.Scheme)
		if i < 0 {
			return Engine{}, fmt.Errorf("has the scheme %q; known here: %s", u.Scheme, strings.Join(names, ", "))
		}
		return schemes[i].accept(u)
	}}
}

// accept returns the engine that the URL chooses, if the URL says nothing that the engine does not understand.
func (s scheme) accept(u *url.URL) (Engine, error) {
	params, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Engine{}, errors.New("has parameters that cannot be read")
	}
	e := Engine{url: u, params: params}
	if s.server {
		return e, s.acceptServer(e)
	}
	switch {
	case u.Host != "" || u.User != nil:
		return Engine{}, fmt.Errorf("must not have // after the scheme %s", s.name)
	case s.path == "" && e.name() != "":
		return Engine{}, fmt.Errorf("must have nothing but parameters after the scheme %s", s.name)
	case s.path != "" && e.name() == "":
		return Engine{}, fmt.Errorf("has to name a %s after the scheme %s", s.path, s.name)
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		check, ok := s.params[name]
		if !ok {
			return Engine{}, fmt.Errorf("has the parameter %q; known for %s: %s", name, s.name,
				strings.Join(slices.Sorted(maps.Keys(s.params)), ", "))
		}
		if len(params[name]) > 1 {
			return Engine{}, fmt.Errorf("has the parameter %s more than once", name)
		}
		if err := check(params.Get(name)); err != nil {
			return Engine{}, fmt.Errorf("has a parameter %s that %w", name, err)
		}
	}
	return e, nil
}

// acceptServer says what is wrong with the URL of an engine that runs elsewhere. A password has one place in it,
// the one that is hidden wherever the URL is shown.
func (s scheme) acceptServer(e Engine) error {
	for name := range e.params {
		if strings.Contains(strings.ToLower(name), "password") {
			return fmt.Errorf("must have its password before the host, as in %s://user:password@host, not among its parameters", s.name)
		}
	}
	if e.url.Host == "" && !e.params.Has("host") {
		return fmt.Errorf("has to name a host after the scheme %s, as in %s://host/name", s.name, s.name)
	}
	return nil
}

// Scheme returns the name of the engine, such as "sqlite".
func (e Engine) Scheme() string { return e.url.Scheme }

// Path returns the engine's file or folder. It is relative to the data folder unless it begins with a slash.
func (e Engine) Path(data string) string {
	if filepath.IsAbs(e.name()) {
		return e.name()
	}
	return filepath.Join(data, e.name())
}

// name is what stands between the colon and the parameters.
func (e Engine) name() string { return e.url.Opaque + e.url.Path }

// URL returns the whole URL of an engine that runs elsewhere, with its password.
func (e Engine) URL() string { return e.url.String() }

// Duration returns a parameter that is a duration, or 0 where it is not given.
func (e Engine) Duration(param string) time.Duration { return given(e, param, latency) }

// Share returns a parameter from 0 to 1, or 0 where it is not given.
func (e Engine) Share(param string) float64 { return given(e, param, share) }

// Size returns a parameter that is a number of bytes, or 0 where it is not given.
func (e Engine) Size(param string) int64 { return given(e, param, size) }

// given reads a parameter that accept has checked, so that it cannot be wrong any more.
func given[T any](e Engine, param string, f form[T]) T {
	v, err := f.parse(e.params.Get(param))
	if err != nil {
		var zero T
		return zero
	}
	return v
}

// String returns the URL with its password hidden.
func (e Engine) String() string { return e.url.Redacted() }
