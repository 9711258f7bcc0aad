// Package console serves the web pages of the program: the front page, with its state, links and a view of the catalogue, and
// the home timeline of a user.
//
// Pages are rendered on the server with html/template. Their scripts call the API, with the token that a reader gave the page, so a
// visitor sees nothing that the API would refuse. All files are embedded: a page loads nothing from other servers.
package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"mime"
	"net/http"
	"path"
	"time"
)

// Status is the state of the program on the front page.
type Status struct {
	Version   string
	Started   time.Time
	Addresses []string // URLs of the program
	Engines   []Engine
	Parts     []Part
	Feed      bool // the program has a feed, and so a page for it
}

// Engine is a port and the name of its engine, such as orders and sqlite.
type Engine struct {
	Port   string
	Engine string
}

// Part is a part that the program needs.
type Part struct {
	Name  string
	Ready bool
}

// Ready reports whether all parts are ready.
func (s Status) Ready() bool {
	for _, p := range s.Parts {
		if !p.Ready {
			return false
		}
	}
	return true
}

// Uptime returns the time since the start of the program, in its two largest units.
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

// policy allows a page its own style and scripts and the API of its server only.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// New returns the handler of / and of all paths below /console/. It calls status for each page.
func New(status func(context.Context) Status) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", render("front.html", status))
	feed := render("feed.html", status)
	mux.HandleFunc("GET /console/feed", func(w http.ResponseWriter, r *http.Request) {
		if !status(r.Context()).Feed {
			http.NotFound(w, r)
			return
		}
		feed.ServeHTTP(w, r)
	})
	entries, err := files.ReadDir("pages")
	if err != nil {
		panic("console: " + err.Error()) // it is embedded
	}
	for _, e := range entries {
		if path.Ext(e.Name()) != ".html" {
			mux.Handle("GET /console/"+e.Name(), asset(e.Name()))
		}
	}
	return mux
}

// render returns the handler of an embedded page.
func render(name string, status func(context.Context) Status) http.Handler {
	form := template.Must(template.ParseFS(files, "pages/"+name))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var page bytes.Buffer
		if err := form.Execute(&page, status(r.Context())); err != nil {
			panic(fmt.Errorf("render %s: %w", name, err)) // a bug, which the server logs
		}
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = page.WriteTo(w) // a disconnected client is not an error of the server
	})
}

// asset serves an embedded file. A browser revalidates it at each use.
func asset(name string) http.Handler {
	body, err := files.ReadFile("pages/" + name)
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
