package accounts

import (
	"context"
	"errors"
	"testing"

	"agora/engine/postgres"
	"agora/engine/postgres/postgrestest"
)

var server = postgrestest.Server{Prepare: prepare}

func TestMain(m *testing.M) { server.Main(m) }

func prepare(ctx context.Context, url string) error {
	db, err := postgres.Open(ctx, url)
	if err != nil {
		return err
	}
	return errors.Join(
		db.Migrate(ctx, migrations, "accounts"),
		db.Migrate(ctx, migrations, "personal"),
		db.Close(),
	)
}
