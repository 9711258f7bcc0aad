package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"agora/fault"
)

// Migrate brings the tables of a schema to their newest version, which the files in the folder migrations/<schema>
// describe. If several servers start together, one migrates and the others wait. A schema with a newer version than the
// files know is left as it is, and the error has the code fault.CodeNewerSchema.
func (d *Database) Migrate(ctx context.Context, migrations fs.FS, schema string) error {
	if err := d.migrate(ctx, migrations, schema); err != nil {
		return Classify(fmt.Errorf("migrate %s: %w", schema, err))
	}
	return nil
}

func (d *Database) migrate(ctx context.Context, migrations fs.FS, schema string) (err error) {
	files, err := fs.Sub(migrations, "migrations/"+schema)
	if err != nil {
		return err
	}
	// It tries to get the lock each second, for five minutes.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	table := "migrations_of_" + schema
	db := stdlib.OpenDBFromPool(d.pool)
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName(table), goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	sources := provider.ListSources() // in the order of their versions
	known := sources[len(sources)-1].Version
	check := func() error {
		found, err := d.schemaVersion(ctx, table)
		if err == nil && found > known {
			err = fault.ErrNewerSchema(fmt.Sprintf("the PostgreSQL store %q", schema), found, known)
		}
		return err
	}
	if err := check(); err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return err
	}
	return check() // a newer program may have had the lock first
}

// schemaVersion returns the newest version in a table of migrations, or 0 if the table is missing.
func (d *Database) schemaVersion(ctx context.Context, table string) (version int64, err error) {
	var exists bool
	if err := d.pool.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", table).Scan(&exists); err != nil || !exists {
		return 0, err
	}
	err = d.pool.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM "+table).Scan(&version)
	return version, err
}
