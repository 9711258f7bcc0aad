package pebble

import (
	"maps"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"agora/fault"
)

func TestANewerFormatIsRefusedAndNothingIsTouched(t *testing.T) {
	files := vfs.NewMem()
	reopen := func() error {
		db, err := Open("db", Options{FS: files})
		if err != nil {
			return err
		}
		return db.Close()
	}
	if err := reopen(); err != nil {
		t.Fatal(err)
	}
	if version, err := readVersion(files, "db"); version != formatVersion || err != nil {
		t.Errorf("the folder has version %d, %v; want %d", version, err, formatVersion)
	}
	if err := writeVersion(files, "db", formatVersion+1); err != nil {
		t.Fatal(err)
	}
	before := sizes(t, files, "db")
	if err := reopen(); fault.CodeOf(err) != fault.CodeNewerSchema {
		t.Errorf("Open = %v, want the code %s", err, fault.CodeNewerSchema)
	}
	if after := sizes(t, files, "db"); !maps.Equal(after, before) {
		t.Errorf("the folder had %v and has %v", before, after)
	}
}

func TestAFolderWithoutAVersionGetsOne(t *testing.T) {
	files := vfs.NewMem()
	for range 2 {
		db, err := Open("db", Options{FS: files})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if version, err := readVersion(files, "db"); version != formatVersion || err != nil {
			t.Errorf("the folder has version %d, %v; want %d", version, err, formatVersion)
		}
		if err := files.Remove("db/" + versionFile); err != nil {
			t.Fatal(err)
		}
	}
}

// sizes returns the size of each file of a folder, by name.
func sizes(t *testing.T, files vfs.FS, dir string) map[string]int64 {
	t.Helper()
	names, err := files.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]int64{}
	for _, name := range names {
		info, err := files.Stat(files.PathJoin(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = info.Size()
	}
	return all
}
