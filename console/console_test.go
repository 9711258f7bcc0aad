package console

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"agora/console/browsertest"

	"github.com/chromedp/chromedp"
)

var running = Status{
	Version: "1.2.3", Started: time.Now().Add(-90 * time.Minute), Addresses: []string{"http://127.0.0.1:8080"},
	Feed: true, Engines: []Engine{{"orders", "sqlite"}}, Parts: []Part{{"orders", true}, {"<catalogue>", false}},
}

// serve returns the address of the console with a catalogue behind its search box.
func serve(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/", New(func(context.Context) Status { return running }))
	mux.HandleFunc("GET /v1/search/products", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch q := r.URL.Query().Get("q"); q {
		case "lamp":
			_, _ = io.WriteString(w, `{"items":[
				{"id":"prd_1","name":"Desk lamp","price":{"amount":4900,"currency":"USD"},"categories":["lighting"],"inventory_count":12},
				{"id":"prd_2","name":"<img src=x onerror=document.title='broken'>","price":{"amount":1200,"currency":"JPY"},"categories":[],"inventory_count":0}],
				"next":"more"}`)
		case "away":
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"detail":"the catalogue is away"}`)
		default:
			_, _ = io.WriteString(w, `{"items":[]}`)
		}
	})
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	return web.URL
}

// page is what came back over HTTP.
type page struct {
	status int
	header http.Header
	body   string
}

func get(t *testing.T, url string, headers ...string) page {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return page{res.StatusCode, res.Header, string(body)}
}

func TestFrontPageSaysWhatRuns(t *testing.T) {
	got := get(t, serve(t)+"/")
	for _, want := range []string{
		"1.2.3", "1 h 30 min", "http://127.0.0.1:8080", "sqlite", "Running, not ready", "&lt;catalogue&gt;",
		`href="/console/feed"`, `href="/docs"`, `href="/openapi.json"`, `href="/healthz"`,
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(got.body, "<catalogue>") {
		t.Error("a name reached the page unescaped")
	}
}

func TestPagesAreOfTheirServerAlone(t *testing.T) {
	url := serve(t)
	for _, path := range []string{"/", "/console/feed"} {
		got := get(t, url+path)
		csp := got.header.Get("Content-Security-Policy")
		if got.status != 200 || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") {
			t.Errorf("%s gave %d with Content-Security-Policy %q", path, got.status, csp)
		}
		for _, loaded := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(got.body, -1) {
			if file := loaded[1]; strings.HasPrefix(file, "/console/") && get(t, url+file).status != 200 {
				t.Errorf("%s needs %s, which is not there", path, file)
			}
		}
	}
}

func TestAProgramWithoutAFeedHasNoPageForIt(t *testing.T) {
	web := httptest.NewServer(New(func(context.Context) Status { return Status{} }))
	t.Cleanup(web.Close)
	if got := get(t, web.URL+"/console/feed"); got.status != 404 {
		t.Errorf("the page of the feed gave %d, want 404", got.status)
	}
	if got := get(t, web.URL+"/"); strings.Contains(got.body, "/console/feed") {
		t.Error("the front page leads to a page that is not there")
	}
}

func TestAssetsAreAskedForAgainButNotSentAgain(t *testing.T) {
	url := serve(t) + "/console/front.js"
	first := get(t, url)
	tag := first.header.Get("Etag")
	if first.status != 200 || tag == "" {
		t.Fatalf("got %d with Etag %q, want 200 with one", first.status, tag)
	}
	if again := get(t, url, "If-None-Match", tag); again.status != 304 {
		t.Errorf("asked again it gave %d, want 304", again.status)
	}
	if other := get(t, serve(t)+"/console/pages/front.html"); other.status != 404 {
		t.Errorf("a file that is not an asset gave %d, want 404", other.status)
	}
}

func TestUptime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		5 * time.Second: "5 s", 61 * time.Second: "1 min 1 s", time.Hour: "1 h 0 min", 49*time.Hour + time.Minute: "2 d 1 h",
	} {
		if got := uptime(d); got != want {
			t.Errorf("uptime(%v) = %q, want %q", d, got, want)
		}
	}
}

// TestInABrowser uses the page as a person does.
func TestInABrowser(t *testing.T) {
	ctx, complaints := browsertest.Open(t)
	do := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatal(err)
		}
	}
	said := func(selector string) string {
		t.Helper()
		text, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(selector)))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	box := chromedp.CSS("#q")
	empty := chromedp.Evaluate[chromedp.Void]("document.getElementById('q').value = ''")

	do(chromedp.Navigate(serve(t)+"/"), chromedp.SendKeys(box, "lamp"), chromedp.WaitVisible(chromedp.CSS("#products li:nth-child(2)")))
	if got := said("#products li:first-child .price"); !strings.Contains(got, "49.00") {
		t.Errorf("the price reads %q, want 49.00", got)
	}
	if got := said("#found"); !strings.HasPrefix(got, "2 and more") {
		t.Errorf("said %q of two results and more", got)
	}
	if title, err := chromedp.Run(ctx, chromedp.Title()); err != nil || title != "agora" {
		t.Errorf("a product's name ran as code: the title is %q, %v", title, err)
	}
	do(empty, chromedp.SendKeys(box, "nothing"), chromedp.WaitNotPresent(chromedp.CSS("#products li")))
	if got := said("#found"); !strings.Contains(got, "Nothing is found") {
		t.Errorf("said %q of no result", got)
	}
	do(empty, chromedp.SendKeys(box, "away"))
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool]("document.getElementById('found').textContent.includes('the catalogue is away')")); err != nil {
		t.Errorf("a failed search is not told: %v", err)
	}
	for _, c := range complaints() {
		if !strings.Contains(c, "503") {
			t.Errorf("the browser complains: %s", c)
		}
	}
}
