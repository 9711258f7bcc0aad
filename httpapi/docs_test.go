package httpapi_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"agora/httpapi"

	"github.com/chromedp/chromedp"
)

// TestReferencePageInABrowser reads the page as a person does, and tries an operation with a token.
func TestReferencePageInABrowser(t *testing.T) {
	path, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("CI") != "" {
		t.Fatal("chromium is not installed: apt-get install chromium")
	} else if err != nil {
		t.Skip("SKIPPED: the page is not tested, because chromium is not installed: apt-get install chromium")
	}
	_, web := newServer(t, httpapi.Options{}, nil)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU)
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	defer stop()
	ctx, stop = chromedp.NewContext(ctx)
	defer stop()
	ctx, stop = context.WithTimeout(ctx, time.Minute)
	defer stop()

	const create = "#post-v1-widgets"
	err = chromedp.Do(ctx,
		chromedp.Navigate(web.URL+"/docs"),
		chromedp.WaitVisible(chromedp.CSS(create)),
		chromedp.SendKeys(chromedp.CSS("#token"), "seller"),
		chromedp.Click(chromedp.CSS(create+" details:last-of-type summary")),
		chromedp.Click(chromedp.CSS(create+" button")),
	)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool]("document.querySelector('"+create+" pre[aria-live]').textContent.startsWith('201')")); err != nil {
		t.Errorf("trying the example as a seller did not give 201: %v", err)
	}
	article, err := chromedp.Run(ctx, chromedp.TextContent(chromedp.CSS(create)))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Create a widget", "seller and admin", "lines[].quantity", "at least 1", "widget_exists", `"name": "Teapot"`} {
		if !strings.Contains(article, want) {
			t.Errorf("the operation's description lacks %q", want)
		}
	}
	hidden, err := chromedp.Run(ctx, chromedp.Evaluate[bool](
		"const f = document.getElementById('filter'); f.value = 'delete'; f.dispatchEvent(new Event('input')); document.querySelector('"+create+"').hidden"))
	if err != nil || !hidden {
		t.Errorf("filtering for delete leaves POST on the page: %v", err)
	}
}
