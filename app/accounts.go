package app

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"agora/accounts"
	"agora/app/config"
	pgaccounts "agora/engine/postgres/accounts"
	"agora/engine/redis"
	sqliteaccounts "agora/engine/sqlite/accounts"
	"agora/pattern/guard"
	"agora/telemetry"
)

// The keys of ports that others ask for.
const (
	usersKey    = "accounts.users"
	sessionsKey = "accounts.sessions"
)

// accountsPorts are the ports of accounts, which every other system needs.
func accountsPorts() []port {
	return []port{
		{
			Port: config.Port{
				Key: usersKey, Was: "users", Default: "sqlite:accounts.db",
				Help: "Where users and their credentials are kept.",
			},
			title: "users",
			engines: []engine{
				inFile(sqliteaccounts.OpenFile, func(s *stores, file *sqliteaccounts.File) { s.users = file.Users() }),
				inPostgres(pgaccounts.OpenUsers, func(s *stores, store *pgaccounts.Users) { s.users = store }),
			},
		},
		{
			Port: config.Port{
				Key: sessionsKey, Was: "sessions", Default: "sqlite:accounts.db",
				Help: "Where sessions and tokens are kept. Those that Redis loses have ended.",
			},
			title: "sessions",
			engines: slices.Concat([]engine{
				inFile(sqliteaccounts.OpenFile, func(s *stores, file *sqliteaccounts.File) { s.sessions = file.Sessions() }),
			}, inRedis(nil, openRedisSessions), []engine{
				inPostgres(pgaccounts.OpenSessions, func(s *stores, store *pgaccounts.Sessions) { s.sessions = store }),
			}),
		},
		{
			Port: config.Port{
				Key: "accounts.personal", Was: "personal", Default: "sqlite:personal.db",
				Help: "Where personal data is kept: e-mail, address, birth date. It is a store of its own so that it can stay in one region.",
			},
			title: "personal data",
			engines: []engine{
				inFile(sqliteaccounts.OpenPersonal, func(s *stores, file *sqliteaccounts.Personal) { s.personal = file }),
				inPostgres(pgaccounts.OpenPersonal, func(s *stores, store *pgaccounts.Personal) { s.personal = store }),
			},
		},
	}
}

// openRedisSessions asks the server for an answer at once: without its sessions the program is of no use to anybody.
func openRedisSessions(ctx context.Context, s *stores, server *redis.Server, _ config.Engine) error {
	s.sessions = server.Sessions()
	return server.Ping(ctx)
}

// sessionTTL is how long a session is believed without being read from its store again. A cache of this process alone is
// not told which sessions end at another server; then the time is that of a server that cannot reach a shared cache.
func sessionTTL(cfg config.Config) time.Duration {
	if !cfg.Engine(sessionsKey).Own() && cfg.Engine("cache").Own() {
		return nearBlind
	}
	return time.Hour
}

// newAccounts returns the service of accounts over open stores.
func newAccounts(s *stores, log *slog.Logger, metrics *telemetry.Metrics) *accounts.Service {
	sessions := accounts.NewCachedSessions(s.sessions, s.sessionCache, sessionTTL(s.cfg), metrics)
	return accounts.NewService(s.users, s.personal, sessions, accounts.Options{
		Origins: s.signInLimit(s.cfg.Accounts.SignInsPerAddress), Attempts: s.attempts, Log: log, Metrics: metrics,
	})
}

// signInLimit returns the limit of sign-ins and registrations of an address; nil for 0, which is no limit, and for a
// command that serves nobody.
func (s *stores) signInLimit(perSecond int) guard.Limiter {
	if perSecond == 0 || s.limits == nil {
		return nil
	}
	return s.limits("sign-in", perSecond, 15*perSecond)
}

// dropSessions removes expired sessions now and then, until ctx ends.
func dropSessions(ctx context.Context, svc *accounts.Service, log *slog.Logger) error {
	eachInterval(ctx, tidyInterval, func() {
		if _, err := svc.DropExpired(ctx); err != nil {
			log.WarnContext(ctx, "expired sessions stay for now", "error", err)
		}
	})
	return nil
}
