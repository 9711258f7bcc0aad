package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agora/accounts"
	"agora/app/config"
	"agora/fault"
)

func tokenFor(t *testing.T, cfg config.Config, role accounts.Role) (string, error) {
	t.Helper()
	var out strings.Builder
	err := IssueToken(t.Context(), cfg, TokenRequest{Role: role, TTL: time.Hour}, &out)
	return strings.TrimSpace(out.String()), err
}

// principalOf asks the stores of a data folder whose token it is.
func principalOf(t *testing.T, cfg config.Config, token string) (accounts.Principal, error) {
	t.Helper()
	var who accounts.Principal
	err := withStores(t.Context(), cfg, slog.New(slog.DiscardHandler), func(s *stores) (err error) {
		svc := accounts.NewService(s.users, s.personal, s.sessions, accounts.Options{})
		who, err = svc.Authenticate(t.Context(), token)
		return err
	})
	return who, err
}

func TestTokensAreIssuedOnTheDataFolder(t *testing.T) {
	cfg := load(t, map[string]string{"data": filepath.Join(t.TempDir(), "new")})
	for _, role := range accounts.Roles {
		token, err := tokenFor(t, cfg, role)
		if err != nil {
			t.Fatal(err)
		}
		if who, err := principalOf(t, cfg, token); err != nil || who.Role != role || who.UserID != accounts.FirstAdmin().UserID {
			t.Errorf("the token stands for %+v, %v; want the admin as %s", who, err, role)
		}
	}
	file, err := os.Stat(filepath.Join(cfg.Data, adminTokenFile))
	if err != nil || file.Mode().Perm() != 0o600 {
		t.Errorf("the admin's token file has mode %v, %v; want 0600", file.Mode(), err)
	}
}

func TestANewAdminTokenIsNotMadeBesideAServer(t *testing.T) {
	cfg := load(t, map[string]string{"data": t.TempDir()})
	if _, err := tokenFor(t, cfg, accounts.Admin); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(filepath.Join(cfg.Data, adminTokenFile))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := lockData(cfg.Data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokenFor(t, cfg, accounts.Shopper); err != nil {
		t.Errorf("beside a server, a token cannot be issued: %v", err)
	}
	if err := os.Remove(filepath.Join(cfg.Data, adminTokenFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := tokenFor(t, cfg, accounts.Admin); fault.CodeOf(err) != "data_in_use" {
		t.Errorf("a new admin beside a server = %v, want data_in_use", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tokenFor(t, cfg, accounts.Admin); err != nil {
		t.Fatal(err)
	}
	if _, err := principalOf(t, cfg, strings.TrimSpace(string(old))); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("the lost token = %v, want it ended", err)
	}
}

// adminOf makes the admin token of a folder, as the start of a server does, and returns it.
func adminOf(t *testing.T, cfg config.Config) string {
	t.Helper()
	var token []byte
	err := withStores(t.Context(), cfg, slog.New(slog.DiscardHandler), func(s *stores) error {
		svc := accounts.NewService(s.users, s.personal, s.sessions, accounts.Options{})
		path, err := ensureAdminToken(t.Context(), cfg, svc)
		if err != nil {
			return err
		}
		token, err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(token))
}

func TestServersThatShareUsersHaveATokenEach(t *testing.T) {
	first := onPostgres(t)
	second := first
	second.Data = t.TempDir()
	tokens := []string{adminOf(t, first), adminOf(t, second)}
	if again := adminOf(t, first); again != tokens[0] {
		t.Error("a further start made another token")
	}
	if err := os.Remove(filepath.Join(second.Data, adminTokenFile)); err != nil {
		t.Fatal(err)
	}
	tokens = append(tokens, adminOf(t, second))
	for i, token := range tokens {
		if who, err := principalOf(t, first, token); err != nil || !who.Is(accounts.Admin) {
			t.Errorf("token %d stands for %+v, %v; want the admin", i, who, err)
		}
	}
	if err := os.Truncate(filepath.Join(second.Data, adminTokenFile), 0); err != nil {
		t.Fatal(err)
	}
	renewed := adminOf(t, second)
	if _, err := principalOf(t, first, renewed); err != nil {
		t.Errorf("the new token = %v", err)
	}
	for i, token := range tokens {
		if _, err := principalOf(t, first, token); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("token %d = %v after a server's file was emptied, want it ended", i, err)
		}
	}
	if again := adminOf(t, first); again == tokens[0] {
		t.Error("the first server goes on with a token that has ended")
	} else if _, err := principalOf(t, second, again); err != nil {
		t.Errorf("what it has instead = %v", err)
	}
	if _, err := principalOf(t, second, renewed); err != nil {
		t.Errorf("the token of the second server = %v after the first got a new one", err)
	}
}
