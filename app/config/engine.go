package config

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

// Engine is the URL of a port's engine, such as sqlite:orders.db. The scheme names the engine.
type Engine struct {
	url    *url.URL
	params url.Values
	own    bool
}

// Scheme is an engine that implements a port, by the scheme of its URL.
type Scheme struct {
	Name   string
	Path   string           // what the URL's part after the colon names, such as "file"; "" if it has to be empty
	Server bool             // whether the URL names a server, such as redis://user:password@host:port/db
	Own    bool             // whether the stored data belongs to this process or its data folder, and is not shared
	Params map[string]Param // the known parameters
	Driver bool             // whether the driver checks the parameters
}

// Param returns an error that says what is wrong with the value of a parameter, or nil.
type Param func(text string) error

// CountParam is a number above zero.
func CountParam(text string) error { return parses(atLeast(1), text) }

// SizeParam is a number of bytes above zero with a unit.
func SizeParam(text string) error { return parses(size, text) }

// LatencyParam is a duration that may be zero.
func LatencyParam(text string) error { return parses(latency, text) }

// ShareParam is a number from 0 to 1.
func ShareParam(text string) error { return parses(share, text) }

// TextParam is a text that is not empty.
func TextParam(s string) error { return parses(text("TEXT"), s) }

// WebParam is a URL that begins with http:// or https://.
func WebParam(text string) error { return parses(webURL, text) }

func parses[T any](f form[T], text string) error {
	_, err := f.parse(text)
	return err
}

// engine is the form of a port's URL. Its errors do not quote the URL, which may have a password.
func engine(schemes ...Scheme) form[Engine] {
	names := make([]string, len(schemes))
	for i, s := range schemes {
		names[i] = s.Name
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

// accept returns the engine of the URL, or an error if a part of the URL is wrong or unknown.
func (s Scheme) accept(u *url.URL) (Engine, error) {
	params, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Engine{}, errors.New("has parameters that cannot be parsed")
	}
	e := Engine{url: u, params: params, own: s.Own}
	if s.Server {
		err = s.acceptServer(e)
	} else {
		err = s.acceptLocal(e)
	}
	if err != nil || s.Driver {
		return e, err
	}
	return e, s.acceptParams(params)
}

// acceptLocal checks the URL of an engine that is part of the program.
func (s Scheme) acceptLocal(e Engine) error {
	switch u := e.url; {
	case u.Host != "" || u.User != nil:
		return fmt.Errorf("must not have // after the scheme %s", s.Name)
	case s.Path == "" && e.name() != "":
		return fmt.Errorf("must have only parameters after the scheme %s", s.Name)
	case s.Path != "" && e.name() == "":
		return fmt.Errorf("has to name a %s after the scheme %s", s.Path, s.Name)
	}
	return nil
}

// acceptParams checks the parameters of the URL.
func (s Scheme) acceptParams(params url.Values) error {
	for _, name := range slices.Sorted(maps.Keys(params)) {
		check, ok := s.Params[name]
		if !ok {
			return fmt.Errorf("has the parameter %q; known for %s: %s", name, s.Name,
				strings.Join(slices.Sorted(maps.Keys(s.Params)), ", "))
		}
		if len(params[name]) > 1 {
			return fmt.Errorf("has the parameter %s more than once", name)
		}
		if err := check(params.Get(name)); err != nil {
			return fmt.Errorf("has a parameter %s that %w", name, err)
		}
	}
	return nil
}

// acceptServer checks the URL of a server. It refuses a password among the parameters, because only one before the host is hidden
// when the URL is printed.
func (s Scheme) acceptServer(e Engine) error {
	for name := range e.params {
		if strings.Contains(strings.ToLower(name), "password") {
			return fmt.Errorf("must have its password before the host, as in %s://user:password@host, not among its parameters", s.Name)
		}
	}
	onSocket := e.params.Has("host") || strings.HasSuffix(s.Name, "+unix") && e.url.Path != ""
	if e.url.Host == "" && !onSocket {
		return fmt.Errorf("has to name a host after the scheme %s, as in %s://host/name", s.Name, s.Name)
	}
	return nil
}

// Scheme returns the name of the engine, such as "sqlite".
func (e Engine) Scheme() string { return e.url.Scheme }

// Own reports whether the stored data belongs to this process or its data folder, and is not shared with other servers.
func (e Engine) Own() bool { return e.own }

// Host returns the host of a server without its port, or "" for an embedded engine or a Unix socket.
func (e Engine) Host() string { return e.url.Hostname() }

// Address returns the URL of a server without the parameters. It may have a password.
func (e Engine) Address() string {
	address := *e.url
	address.RawQuery = ""
	return address.String()
}

// Path returns the path of the engine's file or folder. A relative name is a name in the data folder.
func (e Engine) Path(data string) string {
	if filepath.IsAbs(e.name()) {
		return e.name()
	}
	return filepath.Join(data, e.name())
}

// name returns the part of the URL between the colon and the parameters.
func (e Engine) name() string { return e.url.Opaque + e.url.Path }

// URL returns the whole URL, with its password.
func (e Engine) URL() string { return e.url.String() }

// Duration returns a parameter that is a duration, or 0 if it is not set.
func (e Engine) Duration(param string) time.Duration { return given(e, param, latency) }

// Share returns a parameter from 0 to 1, or 0 if it is not set.
func (e Engine) Share(param string) float64 { return given(e, param, share) }

// Size returns a parameter that is a number of bytes, or 0 if it is not set.
func (e Engine) Size(param string) int64 { return given(e, param, size) }

// Text returns the text of a parameter, or "" if it is not set.
func (e Engine) Text(param string) string { return e.params.Get(param) }

// given parses a parameter. accept has checked it, so an error means that it is not set.
func given[T any](e Engine, param string, f form[T]) T {
	v, err := f.parse(e.params.Get(param))
	if err != nil {
		var zero T
		return zero
	}
	return v
}

// String returns the URL with its secrets hidden.
func (e Engine) String() string { return redact(e.url.String()) }
