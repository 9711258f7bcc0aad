package cache_test

import (
	"context"
	"fmt"
	"time"

	"agora/fault"
	"agora/pattern/cache"
)

func ExampleAside() {
	ctx := context.Background()
	store := cache.NewMemory(1 << 20)
	defer store.Close()

	price := "19.99"
	pages := cache.NewAside(store, cache.AsideOptions{Name: "products", TTL: time.Hour, Jitter: 0.1},
		func(_ context.Context, key string) ([]byte, error) {
			fmt.Println("load", key)
			return []byte(price), nil
		})

	for range 2 {
		page, _ := pages.Get(ctx, "prd_1")
		fmt.Println(string(page))
	}
	price = "14.99"
	if err := pages.Invalidate(ctx, "prd_1"); err != nil {
		fmt.Println(err)
	}
	page, _ := pages.Get(ctx, "prd_1")
	fmt.Println(string(page))
	// Output:
	// load prd_1
	// 19.99
	// 19.99
	// load prd_1
	// 14.99
}

// sessions is a store of record in a map.
type sessions map[string][]byte

func (s sessions) Get(_ context.Context, key string) ([]byte, error) {
	if v, ok := s[key]; ok {
		return v, nil
	}
	return nil, fault.ErrNotFound("session", key)
}

func (s sessions) Put(_ context.Context, key string, value []byte) error {
	s[key] = value
	return nil
}

func (s sessions) Delete(_ context.Context, key string) error {
	delete(s, key)
	return nil
}

func ExampleThrough() {
	ctx := context.Background()
	store := cache.NewMemory(1 << 20)
	defer store.Close()
	signedIn := cache.NewThrough(store, cache.ThroughOptions{Name: "sessions", TTL: time.Minute}, sessions{})

	fmt.Println(signedIn.Put(ctx, "ses_1", []byte("usr_1")))
	user, err := signedIn.Get(ctx, "ses_1")
	fmt.Println(string(user), err)
	fmt.Println(signedIn.Delete(ctx, "ses_1"))
	_, err = signedIn.Get(ctx, "ses_1")
	fmt.Println(err)
	// Output:
	// <nil>
	// usr_1 <nil>
	// <nil>
	// session ses_1 does not exist
}
