// Package browsertest opens pages in a real browser, for tests.
package browsertest

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Open starts a browser without a window and returns the context of its first page, and a function that returns what the page
// complained of: scripts that failed, and what its policy refused. Without a browser, the test fails in CI and is skipped elsewhere.
func Open(t *testing.T) (page context.Context, complaints func() []string) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is not installed: apt-get install chromium")
		}
		t.Skip("SKIPPED: the page is not tested, because chromium is not installed: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU)
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	return open(t, ctx)
}

// Another opens a page of another person in the browser of a page: the two share no storage.
func Another(t *testing.T, page context.Context) (another context.Context, complaints func() []string) {
	t.Helper()
	return open(t, page, chromedp.WithNewBrowserContext())
}

func open(t *testing.T, parent context.Context, options ...chromedp.ContextOption) (context.Context, func() []string) {
	page, stop := chromedp.NewContext(parent, options...)
	t.Cleanup(stop)
	page, stop = context.WithTimeout(page, 2*time.Minute)
	t.Cleanup(stop)

	var mu sync.Mutex
	var complaints []string
	messages := chromedp.Console(page)
	go func() {
		for m, err := range messages {
			if err != nil {
				return // the browser has ended
			}
			if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleException {
				mu.Lock()
				complaints = append(complaints, m.Text)
				mu.Unlock()
			}
		}
	}()
	return page, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return complaints
	}
}
