package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Key is one value of the configuration, with its names in the file, the environment and the flags.
type Key struct {
	Name    string // in the file, with the section before the dot: "http.max_body"
	Was     string // the name in earlier versions, or ""
	Default string
	Form    string // form of a value, such as DURATION
	Help    string // whole sentences

	set  func(c *Config, text string) error
	show func(text string) string // hides the secrets in a text that set accepted
	kind string                   // YAML tag of the value
}

// Env returns the key's environment variable: "http.max_body" is AGORA_HTTP_MAX_BODY.
func (k Key) Env() string { return envOf(k.Name) }

func envOf(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
}

// Flag returns the key's flag without the dashes before it: "http.max_body" is http-max-body.
func (k Key) Flag() string {
	return strings.NewReplacer(".", "-", "_", "-").Replace(k.Name)
}

// Section returns the part of the name before the dot, or "".
func (k Key) Section() string {
	section, _, ok := strings.Cut(k.Name, ".")
	if !ok {
		return ""
	}
	return section
}

// Switch reports whether the key is a boolean, so that its flag needs no value.
func (k Key) Switch() bool { return k.kind == boolTag }

// form is the notation of the values of a type.
type form[T any] struct {
	name  string
	parse func(text string) (T, error) // the error continues a sentence that begins with the key: "has to be ..."
	show  func(text string) string     // hides secrets; nil if there are none
	kind  string                       // YAML tag; "" is a string
}

// The YAML tags (https://yaml.org/spec/1.2.2/#chapter-10-recommended-schemas) of the forms.
const (
	textTag  = "!!str"
	boolTag  = "!!bool"
	intTag   = "!!int"
	floatTag = "!!float"
	listTag  = "!!seq"
	nullTag  = "!!null"
)

func key[T any](name, def string, f form[T], field func(*Config) *T, help string) Key {
	set := func(c *Config, text string) error {
		v, err := f.parse(text)
		if err != nil {
			return err
		}
		*field(c) = v
		return nil
	}
	show := f.show
	if show == nil {
		show = func(text string) string { return text }
	}
	return Key{Name: name, Default: def, Form: f.name, Help: help, set: set, show: show, kind: cmp.Or(f.kind, textTag)}
}

func text(name string) form[string] {
	return form[string]{name: name, parse: func(s string) (string, error) {
		if s == "" {
			return "", errors.New("must not be empty")
		}
		return s, nil
	}}
}

func oneOf(words ...string) form[string] {
	return form[string]{name: strings.Join(words, "|"), parse: func(s string) (string, error) {
		if !slices.Contains(words, s) {
			return "", fmt.Errorf("has to be one of %s, not %q", strings.Join(words, ", "), s)
		}
		return s, nil
	}}
}

var yesNo = form[bool]{name: "BOOL", kind: boolTag, parse: func(s string) (bool, error) {
	if s != "true" && s != "false" {
		return false, fmt.Errorf("has to be true or false, not %q", s)
	}
	return s == "true", nil
}}

var address = form[string]{name: "HOST:PORT", parse: func(s string) (string, error) {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf("has to be host:port, not %q", s)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("has a port that is not between 0 and 65535: %q", s)
	}
	return s, nil
}}

// optionalAddress is an address that may be left out.
var optionalAddress = form[string]{name: "HOST:PORT", parse: func(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	return address.parse(s)
}}

var duration = form[time.Duration]{name: "DURATION", parse: func(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("has to be a duration above zero such as 20ms, 30s or 1h, not %q", s)
	}
	return d, nil
}}

// latency is a duration that may be zero.
var latency = form[time.Duration]{name: "DURATION", parse: func(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("has to be a duration such as 20ms, not %q", s)
	}
	return d, nil
}}

var size = form[int64]{name: "SIZE", parse: parseSize}

// parseSize parses a number of bytes above zero with a unit, which is a power of 1024.
func parseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "BKMGi")
	shift, known := map[string]int{"B": 0, "KiB": 10, "MiB": 20, "GiB": 30}[s[len(digits):]]
	n, err := strconv.ParseUint(digits, 10, 63-shift)
	if !known || err != nil || n == 0 {
		return 0, fmt.Errorf("has to be a size above zero such as 512B, 64KiB, 1MiB or 2GiB, not %q", s)
	}
	return int64(n) << shift, nil
}

var share = form[float64]{name: "SHARE", kind: floatTag, parse: func(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return 0, fmt.Errorf("has to be a number from 0 to 1, not %q", s)
	}
	return f, nil
}}

func atLeast(least int) form[int] {
	return form[int]{name: "NUMBER", kind: intTag, parse: func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least {
			return 0, fmt.Errorf("has to be a whole number of at least %d, not %q", least, s)
		}
		return n, nil
	}}
}

// someOf is a list of known words without repetition.
func someOf(words []string) form[[]string] {
	return form[[]string]{name: "NAME,…", kind: listTag, parse: func(s string) ([]string, error) {
		chosen := []string{}
		for part := range strings.SplitSeq(s, ",") {
			word := strings.TrimSpace(part)
			switch {
			case word == "" && s == "":
				return chosen, nil
			case !slices.Contains(words, word):
				return nil, fmt.Errorf("names %q; known here: %s", word, strings.Join(words, ", "))
			case slices.Contains(chosen, word):
				return nil, fmt.Errorf("names %s more than once", word)
			}
			chosen = append(chosen, word)
		}
		return chosen, nil
	}}
}

var prefixes = form[[]netip.Prefix]{name: "NETWORK,…", kind: listTag, parse: func(s string) ([]netip.Prefix, error) {
	if s == "" {
		return nil, nil
	}
	var nets []netip.Prefix
	for part := range strings.SplitSeq(s, ",") {
		p, err := netip.ParsePrefix(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("has to be networks such as 10.0.0.0/8, not %q", part)
		}
		nets = append(nets, p)
	}
	return nets, nil
}}

// webURL is a URL of HTTP. Its errors do not quote the URL, which may have a password. Its query is hidden because it may have the
// key of a collector.
var webURL = form[string]{name: "URL", show: redactQuery, parse: func(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", errors.New("has to be a URL that begins with http:// or https://")
	}
	return s, nil
}}

// hidden replaces secrets.
const hidden = "xxxxx"

// redact hides the password of a valid URL and the secrets of URLs among its parameters.
func redact(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	params := u.Query()
	for name, values := range params {
		for i, value := range values {
			if inner, err := url.Parse(value); err == nil && inner.Host != "" {
				params[name][i] = redactQuery(value)
				u.RawQuery = params.Encode()
			}
		}
	}
	return u.Redacted()
}

// redactQuery hides the password of a valid URL of HTTP, and the values of all its parameters. It also hides a user without a
// password, because that is usually a token.
func redactQuery(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	if password, _ := u.User.Password(); u.User != nil && password == "" {
		u.User = url.User(hidden)
	}
	params := u.Query()
	for name := range params {
		params.Set(name, hidden)
	}
	u.RawQuery = params.Encode()
	return u.Redacted()
}
