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

// The keys of ports that the configuration is asked for elsewhere.
const (
	usersKey    = "accounts.users"
	sessionsKey = "accounts.sessions"
)

// accountsPorts are the ports of the accounts, which every system needs.
func accountsPorts() []port {
	return []port{
		{
			Port: config.Port{
				Key: usersKey, Was: "users", Default: "sqlite:accounts.db",
				Help: "Store of users and their credentials.",
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
				Help: "Store of sessions and tokens. If Redis loses them, their users have to sign in again.",
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
				Help: "Store of personal data: e-mail, address, birth date. It is separate so that it can stay in one region.",
			},
			title: "personal data",
			engines: []engine{
				inFile(sqliteaccounts.OpenPersonal, func(s *stores, file *sqliteaccounts.Personal) { s.personal = file }),
				inPostgres(pgaccounts.OpenPersonal, func(s *stores, store *pgaccounts.Personal) { s.personal = store }),
			},
		},
	}
}

// openRedisSessions fails if the server does not answer, because nobody could sign in.
func openRedisSessions(ctx context.Context, s *stores, server *redis.Server, _ config.Engine) error {
	s.sessions = server.Sessions()
	return server.Ping(ctx)
}

// sessionTTL is how long a session is cached. If the sessions are shared and the cache is not, this process does not learn that
// a session ended at another server; the time is then as short as without a connection to a shared cache.
func sessionTTL(cfg config.Config) time.Duration {
	if !cfg.Engine(sessionsKey).Own() && cfg.Engine("cache").Own() {
		return nearBlind
	}
	return time.Hour
}

// newAccounts returns the service of accounts.
func newAccounts(s *stores, log *slog.Logger, metrics *telemetry.Metrics) *accounts.Service {
	sessions := accounts.NewCachedSessions(s.sessions, s.sessionCache, sessionTTL(s.cfg), metrics)
	return accounts.NewService(s.users, s.personal, sessions, accounts.Options{
		Origins: s.signInLimit(s.cfg.Accounts.SignInsPerAddress), Attempts: s.attempts, Log: log, Metrics: metrics,
	})
}

// signInLimit returns the limit of sign-ins and registrations of an address; nil for 0, which is no limit, and for a command
// that opens no limits.
func (s *stores) signInLimit(perSecond int) guard.Limiter {
	if perSecond == 0 || s.limits == nil {
		return nil
	}
	return s.limits("sign-in", float64(perSecond), 15*perSecond)
}

// dropSessions deletes expired sessions at intervals, until ctx ends.
func dropSessions(ctx context.Context, svc *accounts.Service, log *slog.Logger) error {
	eachInterval(ctx, tidyInterval, func() {
		if _, err := svc.DropExpired(ctx); err != nil {
			log.WarnContext(ctx, "expired sessions could not be deleted; the next attempt follows", "error", err)
		}
	})
	return nil
}
