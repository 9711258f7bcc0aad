package postgres

import (
	"testing"

	"agora/engine/postgres/postgrestest"
)

var server postgrestest.Server

func TestMain(m *testing.M) { server.Main(m) }
