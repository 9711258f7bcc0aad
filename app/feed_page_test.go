package app

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agora/console/browsertest"

	"github.com/chromedp/chromedp"
)

// person uses the page of the home timeline in a browser.
type person struct {
	page       context.Context
	complaints func() []string
}

func (p person) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(p.page, steps...); err != nil {
		t.Fatal(err)
	}
}

// sees waits until a condition of the page is true. It looks at intervals, because a page that another one covers draws no frames.
func (p person) sees(t *testing.T, condition string) {
	t.Helper()
	if _, err := chromedp.Run(p.page, chromedp.Poll[bool](condition, chromedp.WithPollingInterval(50*time.Millisecond))); err != nil {
		shown, _ := chromedp.Run(p.page, chromedp.Evaluate[string]("document.activeElement.outerHTML + document.getElementById('wrong').textContent"))
		t.Fatalf("%s did not come true: %v; the page shows\n%s", condition, err, shown)
	}
}

func (p person) press(t *testing.T, selector string) {
	t.Helper()
	p.do(t, chromedp.Click(chromedp.CSS(selector)))
}

// posts waits until the page shows posts with these texts, the newest first.
func (p person) posts(t *testing.T, texts ...string) {
	t.Helper()
	p.sees(t, fmt.Sprintf("JSON.stringify([...document.querySelectorAll('#posts .words')].map(p => p.textContent)) === JSON.stringify(%s)", literal(texts)))
}

func literal(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = fmt.Sprintf("%+q", text)
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

func (p person) write(t *testing.T, text string) {
	t.Helper()
	p.do(t, chromedp.SetValue(chromedp.CSS("#words"), text), chromedp.Click(chromedp.CSS("#write button.main")))
	p.sees(t, "document.getElementById('words').value === ''")
}

// picture writes what the page shows to the folder in AGORA_PICTURES, to be looked at.
func (p person) picture(t *testing.T, name string, width, height int64) {
	t.Helper()
	folder := os.Getenv("AGORA_PICTURES")
	if folder == "" {
		return
	}
	p.resize(t, width, height)
	image, err := chromedp.Run(p.page, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), image, 0o600); err != nil {
		t.Fatal(err)
	}
	p.resize(t, 1200, 900)
}

// resize waits until the page has its new size: a press while the page moves would be lost.
func (p person) resize(t *testing.T, width, height int64) {
	t.Helper()
	p.do(t, chromedp.EmulateViewport(width, height))
	p.sees(t, fmt.Sprintf("innerWidth === %d && innerHeight === %d", width, height))
}

// TestTheHomeTimelineInTwoBrowsers lets two users follow, write, read live and delete, with the page only.
func TestTheHomeTimelineInTwoBrowsers(t *testing.T) {
	s := serve(t, nil)
	var me, ada struct{ ID string }
	decode(t, s.want(t, http.StatusOK, "GET", "/v1/me", nil), &me)
	decode(t, s.want(t, http.StatusCreated, "POST", "/v1/users", map[string]any{
		"email": "ada@example.org", "password": "correct horse battery", "name": "Ada", "country": "GB",
	}), &ada)
	var product struct{ ID string }
	decode(t, s.want(t, http.StatusCreated, "POST", "/v1/products", map[string]any{
		"sku": "LAMP", "name": "Desk lamp", "price": map[string]any{"amount": 1999, "currency": "GBP"},
	}), &product)
	s.want(t, http.StatusOK, "PUT", "/v1/stock/LAMP", map[string]any{"on_hand": 12})

	var author, reader person
	author.page, author.complaints = browsertest.Open(t)
	author.do(t, chromedp.Navigate(s.url+"/console/feed"), chromedp.SendKeys(chromedp.CSS("#token"), s.token+"\r"), chromedp.WaitVisible(chromedp.CSS("#words")))
	reader.page, reader.complaints = browsertest.Another(t, author.page)
	reader.do(t,
		chromedp.Navigate(s.url+"/console/feed"), chromedp.WaitVisible(chromedp.CSS("#email")))
	reader.picture(t, "sign-in", 1200, 700)
	reader.do(t, chromedp.SendKeys(chromedp.CSS("#email"), "ada@example.org"), chromedp.SendKeys(chromedp.CSS("#password"), "correct horse battery\r"),
		chromedp.WaitVisible(chromedp.CSS("#words")))
	reader.sees(t, "document.getElementById('live').textContent === 'Live' && document.getElementById('complete').textContent.startsWith('Complete as of')")

	author.write(t, "The first post")
	author.posts(t, "The first post")
	reader.do(t, chromedp.SendKeys(chromedp.CSS("#user"), me.ID+"\r"))
	reader.posts(t, "The first post")
	reader.press(t, "#author-buttons button")
	reader.sees(t, "document.querySelector('#author-buttons button').textContent === 'Unfollow'")
	reader.do(t, chromedp.NavigateBack())
	reader.posts(t, "The first post")
	reader.sees(t, "document.getElementById('live').textContent === 'Live'")

	author.press(t, "#write summary")
	author.do(t, chromedp.SetValue(chromedp.CSS("#product"), product.ID), chromedp.SetValue(chromedp.CSS("#link"), "https://example.org/lamps"))
	author.write(t, "A lamp for long evenings")
	reader.do(t, chromedp.WaitVisible(chromedp.CSS("#news")))
	reader.posts(t, "The first post") // a new post does not move what is being read
	reader.press(t, "#news")
	reader.posts(t, "A lamp for long evenings", "The first post")
	shown, err := chromedp.Run(reader.page, chromedp.Text(chromedp.CSS("#posts li:first-child")))
	for _, want := range []string{"Desk lamp", "19.99", "https://example.org/lamps"} {
		if err != nil || !strings.Contains(shown, want) {
			t.Errorf("the post reads %q, %v; it lacks %q", shown, err, want)
		}
	}

	hostile := "<script>document.title='broken'</script> <b>bold</b> \u202eedirrevo &amp; [x](javascript:alert(1))"
	author.write(t, hostile)
	reader.do(t, chromedp.WaitVisible(chromedp.CSS("#news")), chromedp.Click(chromedp.CSS("#news")))
	reader.posts(t, hostile, "A lamp for long evenings", "The first post")
	safe, err := chromedp.Run(reader.page, chromedp.Evaluate[bool](`document.title === 'Home timeline · agora' && !document.querySelector('#posts script, #posts b') &&
		getComputedStyle(document.querySelector('#posts .words')).unicodeBidi.startsWith('isolate')`))
	if err != nil || !safe {
		t.Errorf("a hostile text is more than a text: %v", err)
	}
	author.picture(t, "author", 1200, 900)
	reader.picture(t, "reader", 1200, 900)
	reader.picture(t, "reader-narrow", 360, 800)
	reader.do(t, chromedp.Evaluate[chromedp.Void]("document.documentElement.style.colorScheme = 'dark'"))
	reader.picture(t, "reader-dark", 1200, 900)

	author.press(t, "#posts li:first-child footer button:nth-child(1)")
	author.sees(t, "document.querySelector('#posts li:first-child output').textContent !== ''")
	// The next run of the feed counts the follower.
	author.sees(t, "document.querySelector('#posts li:first-child footer button').click() || /timelines of 1 of 1 follower$/.test(document.querySelector('#posts li:first-child output').textContent)")
	author.picture(t, "delivery", 1200, 900)
	author.press(t, "#posts li:first-child footer button:nth-child(2)")
	author.sees(t, "document.querySelectorAll('#posts > li').length === 3 && document.activeElement.textContent === 'Delete for ever'")
	author.press(t, "#posts li:first-child footer button:nth-child(2)")
	author.posts(t, "A lamp for long evenings", "The first post")
	reader.posts(t, "A lamp for long evenings", "The first post")

	reader.press(t, "#posts li:first-child footer button")
	reader.sees(t, "document.querySelectorAll('#posts article.left').length === 2")
	reader.press(t, "#again")
	reader.posts(t)
	reader.press(t, "#leave")
	reader.do(t, chromedp.WaitVisible(chromedp.CSS("#email")))
	reader.do(t, chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS("#email")))
	for _, p := range []person{author, reader} {
		if c := p.complaints(); len(c) > 0 {
			t.Errorf("the browser complains: %q", c)
		}
	}
}

// TestTheHomeTimelineGoesToItsEnd reads all pages with the button, and continues after the server ended the session.
func TestTheHomeTimelineGoesToItsEnd(t *testing.T) {
	s := serve(t, map[string]string{"feed.posts_per_minute": "0"})
	texts := make([]string, 45)
	for i := range texts {
		texts[len(texts)-1-i] = fmt.Sprintf("post %d", i)
		s.want(t, http.StatusCreated, "POST", "/v1/posts", map[string]any{"text": texts[len(texts)-1-i]})
		time.Sleep(2 * time.Millisecond) // posts of one millisecond have no order of their own
	}
	var p person
	p.page, p.complaints = browsertest.Open(t)
	p.do(t, chromedp.Navigate(s.url+"/console/feed"), chromedp.SendKeys(chromedp.CSS("#token"), "wrong\r"))
	p.sees(t, "document.getElementById('refused').textContent.startsWith('You are not signed in')")
	p.do(t, chromedp.SendKeys(chromedp.CSS("#token"), s.token+"\r"))
	p.posts(t, texts[:20]...)
	p.press(t, "#older")
	p.posts(t, texts[:40]...)
	if focused, err := chromedp.Run(p.page, chromedp.Evaluate[string]("document.activeElement.querySelector('.words').textContent")); err != nil || focused != texts[20] {
		t.Errorf("after the older posts came, the focus is on %q, %v", focused, err)
	}
	p.press(t, "#older")
	p.posts(t, texts...)
	p.sees(t, "document.getElementById('older').hidden && document.getElementById('end').textContent === 'There are no older posts.'")
	p.picture(t, "end", 1200, 900)
}
