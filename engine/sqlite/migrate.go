package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"

	"agora/fault"
)

// versionsTable is where goose records the versions of a file.
const versionsTable = goose.DefaultTablename

// schemaFiles are the migrations of a schema, and the newest version that they lead to.
type schemaFiles struct {
	files  fs.FS
	newest int64
}

func newSchemaFiles(migrations fs.FS, schema string) (schemaFiles, error) {
	files, err := fs.Sub(migrations, "migrations/"+schema)
	if err != nil {
		return schemaFiles{}, err
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return schemaFiles{}, err
	}
	s := schemaFiles{files: files}
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return schemaFiles{}, fmt.Errorf("migration %s of %s: %w", name, schema, err)
		}
		s.newest = max(s.newest, version)
	}
	return s, nil
}

// check refuses a file with a newer version. It writes nothing, and also creates no file next to the database.
func (s schemaFiles) check(ctx context.Context, path string) error {
	found, err := versionOf(ctx, path)
	if err != nil {
		return Classify(fmt.Errorf("read the schema version of %s: %w", filepath.Base(path), err))
	}
	if found > s.newest {
		return fault.ErrNewerSchema(path, found, s.newest)
	}
	return nil
}

// versionOf returns the schema version of a file, which is 0 if the file is missing or new.
func versionOf(ctx context.Context, path string) (version int64, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	q := url.Values{"mode": {"ro"}}
	if _, err := os.Stat(path + "-wal"); errors.Is(err, fs.ErrNotExist) {
		// Nobody has the file open and nothing is in its log, so that SQLite need not make the files of a log.
		q.Set("immutable", "1")
	}
	db, err := openPool(path, q)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var exists bool
	err = db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = ?)", versionsTable).Scan(&exists)
	if err != nil || !exists {
		return 0, err
	}
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+versionsTable).Scan(&version)
	return version, err
}

// migrate brings a file to the newest version.
func (s schemaFiles) migrate(ctx context.Context, db *sql.DB) error {
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, s.files)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}
