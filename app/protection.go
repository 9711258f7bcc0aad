package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"agora/app/config"
	"agora/fault"
)

// warnOfLinks logs the links to other hosts that are not encrypted.
func warnOfLinks(ctx context.Context, cfg config.Config, log *slog.Logger) {
	if keys := unprotectedLinks(cfg); len(keys) > 0 {
		log.WarnContext(ctx, "links to other hosts are not encrypted: protect them with TLS, or with a private network", "keys", keys)
	}
}

// unprotectedLinks returns the keys whose URLs name another host without TLS. Purges of a CDN are left out, because they contain
// ids of products and no secrets.
func unprotectedLinks(cfg config.Config) []string {
	var keys []string
	for _, p := range ports() {
		if p.used(cfg) && isUnprotected(cfg.Engine(p.Key)) {
			keys = append(keys, p.Key)
		}
	}
	if inTheClear(cfg.Tracing.Endpoint) {
		keys = append(keys, "tracing.endpoint")
	}
	return keys
}

func isUnprotected(e config.Engine) bool {
	switch e.Scheme() {
	case "redis":
		return isElsewhere(e.Host())
	case "kafka":
		return slices.ContainsFunc(strings.Split(e.Host(), ","), isElsewhere)
	case "postgres":
		// Without a mode, and with these modes, PostgreSQL's clients accept a server without TLS.
		mode := cmp.Or(e.Text("sslmode"), os.Getenv("PGSSLMODE"))
		return isElsewhere(e.Host()) && (mode == "" || mode == "disable" || mode == "allow" || mode == "prefer")
	case "cassandra":
		return isElsewhere(e.Host()) && e.Text("tls") != "true"
	case "stripe":
		return inTheClear(e.Text("api"))
	}
	return false
}

// inTheClear reports whether the URL names another host with plain HTTP.
func inTheClear(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "http" && isElsewhere(u.Hostname())
}

// isElsewhere reports whether a host is another machine. "" is a Unix socket of this machine.
func isElsewhere(host string) bool {
	if host == "" || host == "localhost" {
		return false
	}
	address, err := netip.ParseAddr(host)
	return err != nil || !address.IsLoopback()
}

// othersMay are the permissions of everybody but the owner.
const othersMay = 0o077

// warnOfFolder logs a data folder that other users of the machine can open.
func warnOfFolder(ctx context.Context, folder string, log *slog.Logger) {
	if info, err := os.Stat(folder); err == nil && info.Mode().Perm()&othersMay != 0 {
		log.WarnContext(ctx, "other users of this machine can open the data folder: run chmod 700", "folder", folder, "mode", info.Mode().Perm())
	}
}

// checkSecret refuses a file with a secret that other users of the machine can read or change. It accepts a missing file.
func checkSecret(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("check the mode of a secret: %w", err)
	}
	if info.Mode().Perm()&othersMay == 0 {
		return nil
	}
	return fault.New(fault.Conflict, "secret_exposed", fmt.Sprintf(
		"%s has mode %o, so other users of this machine may know the token in it: delete the file to get a new token, or run chmod 600 if nobody has read it",
		path, info.Mode().Perm()))
}
