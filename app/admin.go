package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"agora/accounts"
	"agora/app/config"
	"agora/fault"
)

// adminTokenFile holds the token of the data folder's admin, readable by its owner alone.
const adminTokenFile = "admin.token"

// ensureAdminToken makes sure that the data folder has a token of the admin, and returns the path of its file.
//
// If the file is missing, the token was lost, or the operator fears that it is known: all tokens of the admin end, and a new one is
// written. If other servers share users and sessions, a missing file means that the folder belongs to a further server, and
// only an empty file ends the tokens. A shared token that has expired is replaced.
func ensureAdminToken(ctx context.Context, cfg config.Config, svc *accounts.Service) (path string, err error) {
	path = filepath.Join(cfg.Data, adminTokenFile)
	if err := checkSecret(path); err != nil {
		return path, err
	}
	content, err := os.ReadFile(path)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return path, fmt.Errorf("read the admin token: %w", err)
	}
	token, shared := string(bytes.TrimSpace(content)), sharesSessions(cfg)
	if token != "" && !shared {
		return path, nil
	}
	if token != "" {
		if ended, err := hasEnded(ctx, svc, token); err != nil || !ended {
			return path, err
		}
	}
	issue, ttl := svc.RenewAdmin, accounts.MaxTokenTTL
	if shared {
		ttl = sharedTokenTTL
	}
	if shared && (missing || token != "") {
		issue = svc.BootstrapAdmin
	}
	credential, err := issue(ctx, ttl)
	if err != nil {
		return path, fmt.Errorf("make the admin: %w", err)
	}
	return path, writeSecret(path, credential.Token)
}

// sharedTokenTTL is the lifetime of the admin token of one of several servers. The token of a folder that is deleted, as
// that of a container, is not ended by anybody. Each start renews it.
const sharedTokenTTL = 90 * 24 * time.Hour

func hasEnded(ctx context.Context, svc *accounts.Service, token string) (bool, error) {
	_, err := svc.Authenticate(ctx, token)
	if fault.Is(err, fault.Unauthenticated) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("check the admin token: %w", err)
	}
	return false, nil
}

// sharesSessions reports whether other servers may have the same users and sessions.
func sharesSessions(cfg config.Config) bool {
	return !cfg.Engine(usersKey).Own() && !cfg.Engine(sessionsKey).Own()
}

// ensureAdmin makes the admin of a folder that has none yet. It refuses a folder in use: another process cannot end the
// sessions that a running server has cached.
func ensureAdmin(ctx context.Context, cfg config.Config, svc *accounts.Service) (err error) {
	if _, err := os.Stat(filepath.Join(cfg.Data, adminTokenFile)); err == nil {
		return nil
	}
	lock, err := lockData(cfg.Data)
	if err != nil {
		return fmt.Errorf("make a new admin token: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	_, err = ensureAdminToken(ctx, cfg, svc)
	return err
}

// writeSecret writes a file that is whole or missing after a crash, because an empty file has a meaning of its own.
func writeSecret(path, secret string) error {
	partial := path + ".partial"
	file, err := os.OpenFile(partial, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.WriteString(secret + "\n")
	if err == nil {
		err = file.Sync() // the content has to be durable before the name
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(partial, path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// TokenRequest asks for a token without going through a running server.
type TokenRequest struct {
	Role   accounts.Role
	UserID string // owner of the token; "" for the admin of the data folder, acting in the role
	TTL    time.Duration
	Note   string
}

// IssueToken writes a new token to out. It may work on a data folder while a server runs on it.
func IssueToken(ctx context.Context, cfg config.Config, request TokenRequest, out io.Writer) error {
	if err := makeDataFolder(cfg.Data); err != nil {
		return err
	}
	if _, err := checkVersion(cfg.Data); err != nil {
		return err
	}
	s := newStores(cfg, slog.New(slog.DiscardHandler), nil)
	if err := s.open(ctx, func(p port) bool { return p.system() == "accounts" }); err != nil {
		return errors.Join(err, s.close())
	}
	return errors.Join(issueToken(ctx, cfg, accounts.NewService(s.users, s.personal, s.sessions, accounts.Options{}), request, out), s.close())
}

func issueToken(ctx context.Context, cfg config.Config, svc *accounts.Service, request TokenRequest, out io.Writer) error {
	if err := ensureAdmin(ctx, cfg, svc); err != nil {
		return err
	}
	credential, err := svc.IssueToken(ctx, accounts.FirstAdmin(), accounts.Grant{
		UserID: request.UserID, Role: request.Role, TTL: request.TTL, Note: request.Note,
	})
	if err == nil {
		_, err = fmt.Fprintln(out, credential.Token)
	}
	return err
}
