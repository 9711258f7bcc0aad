// Package varnish tells a Varnish (https://varnish-cache.org) in front of the shop which pages it has to drop, in the
// way that deploy/varnish/agora.vcl understands: a request with the method PURGE that names Surrogate-Keys.
//
// It is for a cache that the shop's operator runs. What it is not: a promise. A purge that cannot be sent within a
// minute, or is owed by a process that is killed, never comes, and the page stays for the time that its
// Cache-Control allows. So that time, and not the purge, is what bounds how old a page may be.
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

	"agora/fault"
	"agora/pattern/guard"
	"agora/shop"
	"agora/telemetry"
)

const (
	// maxWaiting bounds the keys that wait, at some 200 bytes each. Beyond that, pages stay for their time.
	maxWaiting = 100_000
	// batch is how many keys one request names: below the 8 KiB that Varnish takes in a header by default.
	batch = 128
	// patience is how long a purge is tried.
	patience = time.Minute

	timeout    = 2 * time.Second // of a request
	firstPause = 50 * time.Millisecond
	maxPause   = 5 * time.Second
)

// rounds are the times after a change at which its pages are purged. Once is not enough: Varnish may be fetching the
// old page while it is purged, or fetch it just after from a server that has not heard of the change. Servers
// hear of it within milliseconds, and within five seconds if Redis is away (see cache.Near).
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
		guard:  guard.New(guard.Options{Name: "the CDN", Timeout: timeout}, metrics),
		log:    log,
		queue:  newQueue(maxWaiting),
		purges: metrics.Counter("agora_cdn_purges_total",
			"Purges of keys: sent; failed, and tried again; dropped, as there was no room or no time left.", "result"),
		waiting: metrics.Gauge("agora_cdn_purges_waiting", "Keys that have to be purged still, those of later rounds included."),
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
	pause := firstPause
	for ctx.Err() == nil {
		due, next := p.queue.due(time.Now(), batch)
		p.waiting.Set(float64(p.queue.len()))
		if len(due) == 0 {
			p.queue.wait(ctx, next)
			continue
		}
		if err := p.send(ctx, due); err != nil {
			p.put(ctx, due, pause, err)
			pause = min(2*pause, maxPause)
			continue
		}
		p.queue.done(due)
		pause = firstPause
	}
	return nil
}

// Flush purges once more, at once, whatever is waiting, so that a program that ends owes as little as it can.
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

// put waits and puts purges back that failed, but for those that have been tried for long enough.
func (p *Purger) put(ctx context.Context, due []item, pause time.Duration, cause error) {
	p.purges.Add(float64(len(due)), "failed")
	p.log.WarnContext(ctx, "the CDN was not told of changes and is told again", "keys", len(due), "pause", pause, "error", cause)
	dropped := p.queue.again(due, time.Now().Add(-patience))
	p.dropped(dropped, "the CDN could not be told for too long")
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

func (p *Purger) dropped(keys int, why string) {
	if keys > 0 {
		p.purges.Add(float64(keys), "dropped")
		p.log.Error("pages at the CDN stay as they were until their time is over", "keys", keys, "reason", why)
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
		return fault.Wrap(fault.Unavailable, err, "the CDN's answer broke off")
	}
	if response.StatusCode != http.StatusOK {
		return fault.New(fault.Unavailable, "", "the CDN answers a purge with "+response.Status)
	}
	return nil
}
