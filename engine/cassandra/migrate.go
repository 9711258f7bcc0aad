package cassandra

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"agora/backoff"
	"agora/fault"
)

// The table of versions has a row for each store of the keyspace. migrating names the server that changes the tables; it ends by
// itself, so that a server that dies there holds up the others for a while only.
const (
	createVersions = `CREATE TABLE IF NOT EXISTS schema_versions (store text PRIMARY KEY, version int, migrating text) WITH id = '%s'`
	readVersion    = `SELECT version FROM schema_versions WHERE store = ?`
	beginMigration = `UPDATE schema_versions USING TTL 300 SET migrating = ? WHERE store = ? IF migrating = NULL`
	endMigration   = `UPDATE schema_versions SET migrating = NULL, version = ? WHERE store = ? IF migrating = ?`
)

// migration is a file of statements, each of which can be repeated.
type migration struct {
	version    int
	statements []string
}

// Migrate brings the tables of a store to their newest version, which the files in the folder migrations/<store> describe. The
// number that a file's name begins with is its version. If several servers start together, one migrates and the others wait.
// A store with a newer version than the files know is left as it is, and the error has the code fault.CodeNewerSchema.
func (k *Keyspace) Migrate(ctx context.Context, files fs.FS, store string) error {
	if err := k.migrate(ctx, files, store); err != nil {
		return fmt.Errorf("migrate %s: %w", store, err)
	}
	return nil
}

func (k *Keyspace) migrate(ctx context.Context, files fs.FS, store string) error {
	migrations, err := readMigrations(files, "migrations/"+store)
	if err != nil {
		return err
	}
	if err := k.define(ctx, fmt.Sprintf(createVersions, k.tableID("schema_versions"))); err != nil {
		return err
	}
	server := rand.Text()
	delays := backoff.Delays{First: 50 * time.Millisecond, Longest: time.Second}
	for ctx.Err() == nil {
		done, err := k.upToDate(ctx, store, migrations)
		if done || err != nil {
			return err
		}
		var holder string
		mine, err := k.WriteIf(ctx, Of(beginMigration, server, store), &holder)
		if err != nil && !Uncertain(err) {
			return err
		}
		if mine || holder == server {
			return k.apply(ctx, store, server, migrations)
		}
		backoff.Sleep(ctx, delays.Next())
	}
	return ctx.Err()
}

// tableID returns the identifier of a table that several servers may create at the same time. Nodes draw one otherwise, and two
// nodes that draw different ones do not agree on the table until they start again.
func (k *Keyspace) tableID(table string) gocql.UUID {
	hash := sha256.Sum256([]byte(k.name + "." + table))
	id := gocql.UUID(hash[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // RFC 9562: version 8, which is free to use
	return id
}

// upToDate reports whether the tables have the newest version.
func (k *Keyspace) upToDate(ctx context.Context, store string, migrations []migration) (bool, error) {
	found, err := k.version(ctx, store)
	known := migrations[len(migrations)-1].version
	if err == nil && found > known {
		err = fault.ErrNewerSchema(fmt.Sprintf("the Cassandra store %q", store), int64(found), int64(known))
	}
	return found == known, err
}

func (k *Keyspace) version(ctx context.Context, store string) (version int, err error) {
	err = k.ReadSerial(ctx, Of(readVersion, store), []any{&version}, func() error { return nil })
	return version, err
}

// apply executes what the tables lack. This server is the only one that does.
func (k *Keyspace) apply(ctx context.Context, store, server string, migrations []migration) error {
	version, err := k.version(ctx, store)
	if err != nil {
		return err
	}
	for _, m := range migrations {
		if m.version <= version {
			continue
		}
		for _, statement := range m.statements {
			if err := k.define(ctx, statement); err != nil {
				return fmt.Errorf("version %d: %w", m.version, err)
			}
		}
	}
	newest := migrations[len(migrations)-1].version
	_, err = k.WriteIf(ctx, Of(endMigration, newest, store, server), new(string))
	return err
}

// define executes a statement that changes tables, and waits until all nodes know the change.
func (k *Keyspace) define(ctx context.Context, statement string) error {
	if err := k.session.Query(statement).ExecContext(ctx); err != nil {
		return classify(err)
	}
	return classify(k.session.AwaitSchemaAgreement(ctx))
}

// readMigrations reads the files of a folder in the order of their versions.
func readMigrations(files fs.FS, folder string) ([]migration, error) {
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, err
	}
	var migrations []migration
	for _, e := range entries {
		number, _, _ := strings.Cut(e.Name(), "_")
		version, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("%s does not begin with a version", e.Name())
		}
		text, err := fs.ReadFile(files, folder+"/"+e.Name())
		if err != nil {
			return nil, err
		}
		migrations = append(migrations, migration{version, splitStatements(string(text))})
	}
	slices.SortFunc(migrations, func(a, b migration) int { return a.version - b.version })
	if len(migrations) == 0 {
		return nil, errors.New("there are no migrations")
	}
	return migrations, nil
}

// splitStatements returns the statements of a text. No statement has a semicolon inside, and lines that begin with -- are comments.
func splitStatements(text string) (statements []string) {
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "--") {
			lines = append(lines, line)
		}
	}
	for statement := range strings.SplitSeq(strings.Join(lines, ""), ";") {
		if statement = strings.TrimSpace(statement); statement != "" {
			statements = append(statements, statement)
		}
	}
	return statements
}
