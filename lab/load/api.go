package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"
)

// api asks the server for what is needed around a trial: products, tokens, stock and figures. What is
// measured goes over wires instead.
type api struct {
	client *http.Client
	base   string
	token  string
}

const (
	apiTimeout  = 10 * time.Second
	apiAtOnce   = 16       // requests
	maxAPIBytes = 16 << 20 // of an answer
)

func newAPI(t target, token string) api {
	scheme := "http://"
	if t.secure {
		scheme = "https://"
	}
	return api{
		client: &http.Client{
			Timeout:   apiTimeout,
			Transport: &http.Transport{DialContext: t.dialer, MaxIdleConnsPerHost: apiAtOnce},
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // nothing goes anywhere else than the user said
			},
		},
		base: scheme + t.host + t.path, token: token,
	}
}

// call sends in as JSON, unless it is nil, and reads the answer into out.
func (a api) call(ctx context.Context, method, path string, in, out any) error {
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

func (a api) fetch(ctx context.Context, method, url string, body []byte) ([]byte, error) {
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
		return nil, fmt.Errorf("%s %s: %s %s: %s", method, url, response.Status, p.Code, p.Detail)
	}
	return answer, nil
}

// problem is a failure as the server tells it.
type problem struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Errors []struct {
		Name    string `json:"name"`
		Message string `json:"message"`
	} `json:"errors"`
}

// problemOf reads a problem. What is none, such as a proxy's page, has no code.
func problemOf(body []byte) problem {
	var p problem
	if json.Unmarshal(body, &p) != nil {
		return problem{}
	}
	return p
}

// each calls work for the numbers below n, some at once, until one fails.
func each(ctx context.Context, n int, work func(ctx context.Context, i int) error) error {
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
	return context.Cause(ctx) // or what was left out would pass for done
}
