package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"
)

// API sends the requests that are not measured, such as those that list products, issue tokens or read metrics.
// Measured requests are sent over a Connection.
type API struct {
	client *http.Client
	base   string
	token  string
}

const (
	apiTimeout  = 10 * time.Second
	apiAtOnce   = 16       // requests
	maxAPIBytes = 16 << 20 // of an answer
)

func newAPI(t target, token string) API {
	scheme := "http://"
	if t.secure {
		scheme = "https://"
	}
	return API{
		client: &http.Client{
			Timeout:   apiTimeout,
			Transport: &http.Transport{DialContext: t.dialer, MaxIdleConnsPerHost: apiAtOnce},
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // a redirect could send the load to another server
			},
		},
		base: scheme + t.host + t.path, token: token,
	}
}

// Call sends in as JSON, unless it is nil, and decodes the answer into out.
func (a API) Call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	answer, err := a.fetch(ctx, method, a.base+path, body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

func (a API) fetch(ctx context.Context, method, url string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+a.token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAPIBytes))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, url, err)
	}
	if response.StatusCode >= 300 {
		p := problemOf(answer)
		return nil, statusError{response.StatusCode, fmt.Sprintf("%s %s: %s %s: %s", method, url, response.Status, p.Code, p.Detail)}
	}
	return answer, nil
}

// statusError is the error of an answer that is not a success.
type statusError struct {
	status int
	text   string
}

// Error implements error.
func (e statusError) Error() string { return e.text }

// NotFound reports whether an error of Call is an answer of status 404.
func NotFound(err error) bool {
	e, ok := errors.AsType[statusError](err)
	return ok && e.status == http.StatusNotFound
}

// Problem is the failure in the body of an answer (RFC 9457).
type Problem struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Errors []struct {
		Name    string `json:"name"`
		Message string `json:"message"`
	} `json:"errors"`
}

// problemOf decodes a problem. Any other body, such as the page of a proxy, gives a problem without a code.
func problemOf(body []byte) Problem {
	var p Problem
	if json.Unmarshal(body, &p) != nil {
		return Problem{}
	}
	return p
}

// Each calls work for the numbers from 0 to n - 1, some of them concurrently, until one fails or ctx ends.
func Each(ctx context.Context, n int, work func(ctx context.Context, i int) error) error {
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(apiAtOnce)
	for i := range n {
		if working.Err() != nil {
			break
		}
		group.Go(func() error { return work(working, i) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx) // the end of ctx leaves numbers out
}
