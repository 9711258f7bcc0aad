package retail_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"agora/accounts"
	sqliteaccounts "agora/engine/sqlite/accounts"
	sqlitecatalog "agora/engine/sqlite/catalog"
	sqliteorders "agora/engine/sqlite/orders"
	"agora/importer/retail"
	"agora/shop"
)

// realFile is the data set itself. It lies beside the project, not in it.
const realFile = "../../../shared/data/online-retail.csv.gz"

// TestTheRealFile imports all of it into the embedded stores, twice. The folder of the data may be absent; a folder
// without the file is broken.
func TestTheRealFile(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short leaves out the import and audit of half a million lines")
	}
	if _, err := os.Stat(filepath.Dir(realFile)); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("SKIPPED: there is no folder %s with the data set Online Retail in it", filepath.Dir(realFile))
	}
	m := openMarket(t)
	path := beside(t, realFile)
	report, err := retail.Import(t.Context(), path, m.targets(), retail.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Balanced() {
		t.Errorf("the report does not balance: %+v", report)
	}
	for what, pair := range map[string][2]string{
		"lines":               {fmt.Sprint(report.Total.Lines), "541909"},
		"sum of all lines":    {report.Total.Sum.String(), "9747747.934"},
		"sum of sales":        {report.Imported[retail.Sale].Sum.String(), "10655622.48"},
		"cancelled lines":     {fmt.Sprint(report.Imported[retail.Credit].Lines), "9288"},
		"lines of bad debts":  {fmt.Sprint(report.Rejected[retail.NotAnInvoice].Lines), "3"},
		"lines under a penny": {fmt.Sprint(report.Rejected[retail.PartOfAPenny].Lines), "4"},
		"other reasons":       {fmt.Sprint(len(report.Rejected) - 2), "0"},
	} {
		if got, want := pair[0], pair[1]; got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	again, err := retail.Import(t.Context(), path, m.targets(), retail.Options{})
	if err != nil || again.Added != (retail.Contents{}) {
		t.Errorf("the second run added %+v (%v), want nothing", again.Added, err)
	}
	m.verify(t, again)
}

// beside returns a link to the file in a folder of the test, so that what is written beside it goes there.
func beside(t *testing.T, file string) string {
	t.Helper()
	absolute, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), filepath.Base(file))
	if err := os.Symlink(absolute, link); err != nil {
		t.Fatal(err)
	}
	return link
}

// openMarket returns the embedded stores in a folder of the test.
func openMarket(t *testing.T) market {
	t.Helper()
	dir := t.TempDir()
	people, err1 := sqliteaccounts.OpenFile(t.Context(), filepath.Join(dir, "accounts.db"))
	catalog, err2 := sqlitecatalog.Open(t.Context(), filepath.Join(dir, "catalog.db"))
	orders, err3 := sqliteorders.Open(t.Context(), filepath.Join(dir, "orders.db"))
	views, err4 := sqliteorders.OpenHistory(t.Context(), filepath.Join(dir, "views.db"))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(people.Close(), catalog.Close(), orders.Close(), views.Close()); err != nil {
			t.Error(err)
		}
	})
	return market{people.Users(), catalog, orders, views}
}

func memoryMarket() market {
	return market{accounts.NewMemoryUsers(), shop.NewMemoryCatalog(), shop.NewMemoryOrders(), shop.NewMemoryViews()}
}
