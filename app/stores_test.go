package app

import (
	"path/filepath"
	"slices"
	"testing"
)

// TestPortsOfOneFileShareIt checks that users and sessions, which have the same path, are in one open file: a second one
// would be a second writer.
func TestPortsOfOneFileShareIt(t *testing.T) {
	cfg := load(t, map[string]string{"data": t.TempDir()})
	s, err := openStores(t.Context(), cfg, quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cfg.Data, "accounts.db")
	opened := slices.DeleteFunc(slices.Clone(s.closers), func(c closer) bool { return c.name != path })
	if len(opened) != 1 {
		t.Errorf("%s was opened %d times, want once", path, len(opened))
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}
