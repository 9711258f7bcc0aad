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

// adminTokenFile has the token of the data folder's admin. Only its owner can read it.
const adminTokenFile = "admin.token"

// ensureAdminToken makes sure that the data folder has a token of the admin, and returns the path of its file.
//
// A missing file means that the token was lost or stolen: all tokens of the admin are revoked, and a new one is written. If other
// servers share users and sessions, a missing file means that the folder belongs to an additional server, and only an empty file
// revokes the tokens. An expired shared token is replaced.
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
		return path, fmt.Errorf("create the admin: %w", err)
	}
	return path, writeSecret(path, credential.Token)
}

// sharedTokenTTL is the lifetime of the admin token of one of several servers. It is short because nothing revokes the token of
// a deleted folder, such as that of a container. A start after that time writes a new token.
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

// sharesSessions reports whether other servers may share the users and sessions.
func sharesSessions(cfg config.Config) bool {
	return !cfg.Engine(usersKey).Own() && !cfg.Engine(sessionsKey).Own()
}

// ensureAdmin creates the admin of a folder that has none yet. It refuses a folder in use, because it could not revoke the
// sessions in the cache of the running server.
func ensureAdmin(ctx context.Context, cfg config.Config, svc *accounts.Service) (err error) {
	if _, err := os.Stat(filepath.Join(cfg.Data, adminTokenFile)); err == nil {
		return nil
	}
	lock, err := lockData(cfg.Data)
	if err != nil {
		return fmt.Errorf("create an admin token: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	_, err = ensureAdminToken(ctx, cfg, svc)
	return err
}

// writeSecret writes a file atomically: after a crash it is complete or missing, because an empty file has a meaning.
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

// TokenRequest is the request of IssueToken.
type TokenRequest struct {
	Role   accounts.Role
	UserID string // owner of the token; "" for the admin of the data folder
	TTL    time.Duration
	Note   string
}

// IssueToken writes a new token to out. A server may run on the data folder meanwhile.
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
