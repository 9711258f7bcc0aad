// Package varnish purges pages from a Varnish (https://varnish-cache.org) in front of the shop. A purge is a request with
// the method PURGE and Surrogate-Keys, which deploy/varnish/agora.vcl handles.
//
// Purges are best effort: one that cannot be sent within a minute is dropped, and a killed process loses those that wait.
// Then the page stays in Varnish for the time that its Cache-Control allows, which bounds the age of every page.
package varnish

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"agora/backoff"
	"agora/fault"
	"agora/pattern/guard"
	"agora/shop"
	"agora/telemetry"
)

const (
	// maxWaiting bounds the keys that wait, at about 200 bytes each. Further purges are dropped.
	maxWaiting = 100_000
	// batch is the most keys of one request, which fit in the 8 KiB that Varnish accepts in a header by default.
	batch = 128
	// retryFor is how long a purge is retried.
	retryFor = time.Minute

	timeout      = 2 * time.Second // of a request
	firstDelay   = 50 * time.Millisecond
	longestDelay = 5 * time.Second
)

// rounds are the times after a change at which its pages are purged. One purge is not enough: Varnish may be fetching the
// old page at that moment, or may fetch it a moment later from a server whose cache still has it. Other servers drop the page within
// milliseconds, and within five seconds if Redis is away (see cache.Near).
var rounds = [...]time.Duration{0, time.Second, 6 * time.Second}

// Purger sends purges, in the order of changes, from one goroutine.
type Purger struct {
	url     string
	client  *http.Client
	guard   *guard.Guard
	log     *slog.Logger
	queue   *queue
	purges  telemetry.Counter
	waiting telemetry.Gauge
}

var _ shop.Purger = (*Purger)(nil)

// New returns a purger for the Varnish at an address, such as varnish://cdn:6081. Run does its work.
func New(address string, log *slog.Logger, metrics *telemetry.Metrics) (*Purger, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fault.New(fault.Invalid, "", "the address of Varnish has to be like varnish://host:6081")
	}
	p := &Purger{
		url:    "http://" + u.Host + "/",
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: 30 * time.Second}},
		guard:  guard.New(guard.Options{Name: "the CDN", Timeout: timeout, Metrics: metrics}),
		log:    log,
		queue:  newQueue(maxWaiting),
		purges: metrics.Counter("agora_cdn_purges_total",
			"Purges of keys: sent; failed and retried; dropped because too many waited, or after too long.", "result"),
		waiting: metrics.Gauge("agora_cdn_purges_waiting", "Keys that wait to be purged, including those of later rounds."),
	}
	for _, result := range []string{"sent", "failed", "dropped"} {
		p.purges.Add(0, result)
	}
	return p, nil
}

// Purge implements shop.Purger. It does not wait.
func (p *Purger) Purge(keys ...string) {
	p.dropped(p.queue.add(keys, time.Now()), "too many purges are waiting")
}

// Run sends purges until ctx ends.
func (p *Purger) Run(ctx context.Context) error {
	defer p.client.CloseIdleConnections()
	delays := backoff.Delays{First: firstDelay, Longest: longestDelay}
	for ctx.Err() == nil {
		due, next := p.queue.due(time.Now(), batch)
		p.waiting.Set(float64(p.queue.len()))
		if len(due) == 0 {
			p.queue.wait(ctx, next)
			continue
		}
		if err := p.send(ctx, due); err != nil {
			p.retryLater(ctx, due, delays.Next(), err)
			continue
		}
		p.queue.done(due)
		delays.Reset()
	}
	return nil
}

// Flush sends all waiting purges at once, without retries, before the program ends.
func (p *Purger) Flush(ctx context.Context) {
	for all := p.queue.drain(); len(all) > 0; {
		n := min(batch, len(all))
		if err := p.send(ctx, all[:n]); err != nil {
			p.dropped(len(all), fmt.Sprintf("the program ends: %v", err))
			return
		}
		all = all[n:]
	}
}

// retryLater puts failed purges back into the queue, drops those that were retried for too long, and waits.
func (p *Purger) retryLater(ctx context.Context, due []item, delay time.Duration, cause error) {
	p.purges.Add(float64(len(due)), "failed")
	p.log.WarnContext(ctx, "a purge of the CDN failed and is retried", "keys", len(due), "delay", delay, "error", cause)
	dropped := p.queue.putBack(due, time.Now().Add(-retryFor))
	p.dropped(dropped, "purges failed for too long")
	backoff.Sleep(ctx, delay)
}

func (p *Purger) dropped(keys int, why string) {
	if keys > 0 {
		p.purges.Add(float64(keys), "dropped")
		p.log.Error("pages stay in the CDN until they expire", "keys", keys, "reason", why)
	}
}

// send purges keys in one request.
func (p *Purger) send(ctx context.Context, due []item) error {
	keys := make([]string, len(due))
	for i, item := range due {
		keys[i] = item.key
	}
	err := p.guard.Do(ctx, func(ctx context.Context) error { return p.purge(ctx, keys) })
	if err == nil {
		p.purges.Add(float64(len(due)), "sent")
	}
	return err
}

func (p *Purger) purge(ctx context.Context, keys []string) error {
	r, err := http.NewRequestWithContext(ctx, "PURGE", p.url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Surrogate-Key", strings.Join(keys, " "))
	response, err := p.client.Do(r)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the CDN cannot be reached")
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 4096)); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the answer of the CDN is incomplete")
	}
	if response.StatusCode != http.StatusOK {
		return fault.New(fault.Unavailable, "", "the CDN answers a purge with "+response.Status)
	}
	return nil
}
