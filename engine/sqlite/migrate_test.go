package sqlite

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"agora/fault"
)

// newer is the schema bare as a later program would have it.
var newer = fstest.MapFS{
	"migrations/names/00001_names.sql": bare["migrations/names/00001_names.sql"],
	"migrations/names/00002_more.sql":  {Data: []byte("-- +goose Up\nALTER TABLE names ADD COLUMN more TEXT;")},
}

func TestANewerSchemaIsRefusedAndNothingIsTouched(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "names.db")
	for _, step := range []struct {
		name    string
		program fstest.MapFS
		code    string
	}{
		{"a new file", bare, ""}, {"the newer program", newer, ""}, {"the older program", bare, fault.CodeNewerSchema},
		{"the newer program again", newer, ""},
	} {
		before := content(t, dir)
		db, err := Open(t.Context(), path, step.program, "names")
		if step.code == "" {
			if err == nil {
				err = errors.Join(db.Write(t.Context(), insert(step.name)), db.Close())
			}
			if err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			continue
		}
		if fault.CodeOf(err) != step.code {
			t.Errorf("%s: %v, want the code %s", step.name, err, step.code)
		}
		if after := content(t, dir); !maps.Equal(after, before) {
			t.Errorf("%s changed the folder", step.name)
		}
	}
}

func TestANewerSchemaIsRefusedAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names.db")
	db, err := Open(t.Context(), path, newer, "names")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), insert("a")); err != nil {
		t.Fatal(err)
	}
	// The version may be in the log only: the copy is what a crash would leave.
	crashed := filepath.Join(t.TempDir(), "names.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		if err == nil {
			err = os.WriteFile(crashed+suffix, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), crashed, bare, "names"); fault.CodeOf(err) != fault.CodeNewerSchema {
		t.Errorf("Open = %v, want the code %s", err, fault.CodeNewerSchema)
	}
}

// content returns the files of a folder, by name.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(data)
	}
	return all
}
