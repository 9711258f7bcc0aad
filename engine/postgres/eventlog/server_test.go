package eventlog

import (
	"context"
	"errors"
	"os"
	"testing"

	"agora/engine/postgres"
	"agora/engine/postgres/postgrestest"
)

var server = postgrestest.Server{Prepare: prepare}

func TestMain(m *testing.M) {
	if url := os.Getenv(memberURL); url != "" {
		os.Exit(runMember(url))
	}
	server.Main(m)
}

func prepare(ctx context.Context, url string) error {
	db, err := postgres.Open(ctx, url)
	if err != nil {
		return err
	}
	return errors.Join(db.Migrate(ctx, migrations, "events"), db.Close())
}
