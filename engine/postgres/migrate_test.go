package postgres

import (
	"strings"
	"testing"
	"testing/fstest"

	"agora/engine/postgres/postgrestest"
	"agora/fault"
)

// schemaThings is a program's knowledge of a schema: the first statement is version 1, and so on.
func schemaThings(versions ...string) fstest.MapFS {
	files := fstest.MapFS{}
	for i, statement := range versions {
		files["migrations/things/0000"+string(rune('1'+i))+"_things.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + statement)}
	}
	return files
}

func TestAnOlderProgramRefusesANewerSchema(t *testing.T) {
	d := postgrestest.Open(t, server.EmptyDatabase(t), Open)
	older := schemaThings("CREATE TABLE things (id int);")
	newer := schemaThings("CREATE TABLE things (id int);", "ALTER TABLE things ADD name text;", "INSERT INTO things VALUES (1, 'a');")
	for _, migrations := range []fstest.MapFS{older, newer, newer} {
		if err := d.Migrate(t.Context(), migrations, "things"); err != nil {
			t.Fatal(err)
		}
	}
	before := postgrestest.Describe(t, d.pool)
	err := d.Migrate(t.Context(), older, "things")
	if fault.CodeOf(err) != fault.CodeNewerSchema {
		t.Fatalf("migrate = %v, want the code %s", err, fault.CodeNewerSchema)
	}
	for _, part := range []string{`"things"`, "version 3", "up to 1", "newer program", "restore"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q does not say %q", err, part)
		}
	}
	if after := postgrestest.Describe(t, d.pool); after != before {
		t.Errorf("the database was changed from\n%s\nto\n%s", before, after)
	}
}

// TestASchemaThatBecomesNewerMeanwhileIsRefused has a newer program migrate after the older one has checked the version.
func TestASchemaThatBecomesNewerMeanwhileIsRefused(t *testing.T) {
	d := postgrestest.Open(t, server.EmptyDatabase(t), Open)
	meanwhile := schemaThings("INSERT INTO migrations_of_things (version_id, is_applied) VALUES (2, true);")
	if err := d.Migrate(t.Context(), meanwhile, "things"); fault.CodeOf(err) != fault.CodeNewerSchema {
		t.Errorf("migrate = %v, want the code %s", err, fault.CodeNewerSchema)
	}
}

// TestANewerSchemaIsRefusedBeforeAnythingIsMigrated has a newer program that never applied a version which the older one
// would apply.
func TestANewerSchemaIsRefusedBeforeAnythingIsMigrated(t *testing.T) {
	d := postgrestest.Open(t, server.EmptyDatabase(t), Open)
	newer := schemaThings("CREATE TABLE things (id int);", "INSERT INTO migrations_of_things (version_id, is_applied) VALUES (4, true);")
	if err := d.Migrate(t.Context(), newer, "things"); fault.CodeOf(err) != fault.CodeNewerSchema {
		t.Fatal(err)
	}
	before := postgrestest.Describe(t, d.pool)
	older := schemaThings("CREATE TABLE things (id int);", "SELECT 1;", "ALTER TABLE things ADD name text;")
	if err := d.Migrate(t.Context(), older, "things"); fault.CodeOf(err) != fault.CodeNewerSchema {
		t.Errorf("migrate = %v, want the code %s", err, fault.CodeNewerSchema)
	}
	if after := postgrestest.Describe(t, d.pool); after != before {
		t.Errorf("the database was changed from\n%s\nto\n%s", before, after)
	}
}
