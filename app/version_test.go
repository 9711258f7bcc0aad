package app

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/golden"

	"agora/app/config"
	"agora/fault"
	"agora/shop"
)

// unpack returns a data folder as the first program wrote it: 20 products, 13 orders, of which one was cancelled and one in
// part. It must stay as it is, because folders like it exist.
func unpack(t *testing.T) (folder string) {
	t.Helper()
	archive, err := os.Open("testdata/folder-version1.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	plain, err := gzip.NewReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	for files := tar.NewReader(plain); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return folder
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, filepath.Clean("/"+header.Name))
		if header.FileInfo().IsDir() {
			err = os.MkdirAll(path, 0o700)
		} else if content, readErr := io.ReadAll(files); readErr != nil {
			err = readErr
		} else {
			err = os.WriteFile(path, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func verified(t *testing.T, cfg config.Config) {
	t.Helper()
	var report strings.Builder
	if err := VerifyShop(t.Context(), cfg, nil, slog.New(slog.DiscardHandler), &report); err != nil {
		t.Fatalf("verify = %v\n%s", err, report.String())
	}
}

func TestAFolderOfTheFirstVersionIsOpenedAndGoesOn(t *testing.T) {
	cfg := load(t, map[string]string{"data": unpack(t)})
	verified(t, cfg)
	const (
		cancelled = "ord_01m8crqsnadj3b4tp0rsy02ppe"
		product   = "prd_01hk15fg30bhsvd9pv1haze8mz"
		customer  = "usr_01m8crqsbfcv4ttdyy56r74vwx"
	)
	err := withStores(t.Context(), cfg, slog.New(slog.DiscardHandler), func(s *stores) error {
		if o, err := s.orders.Order(t.Context(), cancelled); err != nil || o.State != shop.Cancelled || o.Refunded() != o.Total || o.Lines[0].Quantity != 2 {
			t.Errorf("the cancelled order is %+v, %v", o, err)
		}
		orders := shop.NewOrders(s.orders, shop.NewCatalog(s.catalog, shop.CatalogOptions{}), shop.NewSimulatedGateway(shop.SimulatedOptions{}), shop.OrdersOptions{})
		order, err := orders.Place(t.Context(), customer, "k4", shop.OrderRequest{Lines: []shop.LineRequest{{ProductID: product, Quantity: 2}}})
		if err != nil || order.State != shop.Confirmed {
			t.Errorf("a new order is %s, %v; want it confirmed", order.State, err)
		}
		again, err := orders.Place(t.Context(), customer, "k1", shop.OrderRequest{Lines: []shop.LineRequest{{ProductID: product, Quantity: 1}}})
		if err != nil || again.ID != "ord_01m8crqskgkvd357vs2q4wgcv9" {
			t.Errorf("the repeat of the first order is %s, %v", again.ID, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	verified(t, cfg)
}

func TestAFolderOfANewerProgramIsRefusedAndNothingIsTouched(t *testing.T) {
	cfg := load(t, map[string]string{"data": unpack(t)})
	verified(t, cfg)
	if err := os.WriteFile(filepath.Join(cfg.Data, versionFile), fmt.Append(nil, folderVersion+1), 0o600); err != nil {
		t.Fatal(err)
	}
	before := contents(t, cfg.Data)
	log := slog.New(slog.DiscardHandler)
	for name, run := range map[string]func(context.Context) error{
		"serve":  func(ctx context.Context) error { return Serve(ctx, cfg, "test", io.Discard, io.Discard) },
		"verify": func(ctx context.Context) error { return VerifyShop(ctx, cfg, nil, log, io.Discard) },
		"token":  func(ctx context.Context) error { return IssueToken(ctx, cfg, TokenRequest{Role: "admin"}, io.Discard) },
	} {
		if err := run(t.Context()); fault.CodeOf(err) != fault.CodeNewerSchema {
			t.Errorf("%s = %v, want the code %s", name, err, fault.CodeNewerSchema)
		}
	}
	if after := contents(t, cfg.Data); !maps.Equal(after, before) {
		t.Error("the folder was changed")
	}
}

func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	files := os.DirFS(folder)
	err := fs.WalkDir(files, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		all[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestAVersionOfAStoreIsAVersionOfTheFolder fails when a migration was added: then folderVersion has to rise with it, and
// the golden file has to list it.
func TestAVersionOfAStoreIsAVersionOfTheFolder(t *testing.T) {
	migrations, err := filepath.Glob("../engine/sqlite/*/migrations/*/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for i := range migrations {
		migrations[i] = filepath.ToSlash(migrations[i][len("../engine/"):])
	}
	slices.Sort(migrations)
	golden.Assert(t, fmt.Sprintf("folder version %d\n%s\n", folderVersion, strings.Join(migrations, "\n")), "folder-version.txt")
}
