// Package console is the program's face in a browser: what runs, whether it is well, where to go next, and
// a look into the catalogue.
//
// Pages are rendered on the server from html/template. The script adds what a page cannot do, through the same API
// that every other client uses, and so a visitor without a token sees nothing that the API would refuse. Everything is
// embedded: a page loads nothing from other servers.
package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"time"
)

// Status is what the front page says of the running program.
type Status struct {
	Version   string
	Started   time.Time
	Addresses []string // URLs under which the program listens
	Engines   []Engine
	Parts     []Part
}

// Engine says what serves a port, such as orders by sqlite.
type Engine struct {
	Port   string
	Engine string
}

// Part is something that has to be there for the program to do its work.
type Part struct {
	Name  string
	Ready bool
}

// Ready reports whether all parts are there.
func (s Status) Ready() bool {
	for _, p := range s.Parts {
		if !p.Ready {
			return false
		}
	}
	return true
}

// Uptime says how long the program runs, in its two largest units.
func (s Status) Uptime() string { return uptime(time.Since(s.Started)) }

func uptime(d time.Duration) string {
	seconds := int(d / time.Second)
	switch {
	case seconds < 60:
		return fmt.Sprintf("%d s", seconds)
	case seconds < 3600:
		return fmt.Sprintf("%d min %d s", seconds/60, seconds%60)
	case seconds < 86400:
		return fmt.Sprintf("%d h %d min", seconds/3600, seconds/60%60)
	}
	return fmt.Sprintf("%d d %d h", seconds/86400, seconds/3600%24)
}

//go:embed pages
var files embed.FS

// policy lets a page have its own style, its own script and the API of its own server, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// New returns the handler of / and of everything below /console/. It asks status for each page.
func New(status func(context.Context) Status) http.Handler {
	front := template.Must(template.ParseFS(files, "pages/front.html"))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		var page bytes.Buffer
		if err := front.Execute(&page, status(r.Context())); err != nil {
			panic(fmt.Errorf("render the front page: %w", err)) // a bug: whoever serves the handler reports it
		}
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = page.WriteTo(w) // a client that is gone is not an error of ours
	})
	for _, name := range []string{"console.css", "console.js", "icon.svg"} {
		mux.Handle("GET /console/"+name, asset(name))
	}
	return mux
}

// asset serves an embedded file. A browser asks each time whether it is still the one that it has.
func asset(name string) http.Handler {
	body, err := fs.ReadFile(files, "pages/"+name)
	if err != nil {
		panic("console: " + err.Error()) // it is embedded
	}
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", tag)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	})
}
