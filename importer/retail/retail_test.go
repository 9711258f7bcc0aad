package retail_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agora/accounts"
	"agora/fault"
	"agora/ident"
	"agora/importer/retail"
	"agora/pattern/audit/audittest"
	"agora/pattern/journal"
	"agora/shop"
)

// market is a set of stores.
type market struct {
	users   accounts.UserStore
	catalog shop.CatalogStore
	orders  shop.OrderStore
	views   shop.OrderViews
}

func (m market) targets() retail.Targets {
	return retail.Targets{Users: m.users, Catalog: shop.NewCatalog(m.catalog, shop.CatalogOptions{}), Orders: m.orders, Views: m.views}
}

// sums are what the stores hold, added up: pence, and units on hand.
type sums struct {
	orders, credits         int
	sold, credited, changed int64
}

// verify audits the stores, and compares what they hold with the report.
func (m market) verify(t *testing.T, report retail.Report) {
	t.Helper()
	got := m.audited(t)
	if got.orders != report.Contents.Orders || got.credits != report.Contents.Credits {
		t.Errorf("%d orders and %d credits are there, the report has %+v", got.orders, got.credits, report.Contents)
	}
	if sum := pounds(got.sold); sum != report.Imported[retail.Sale].Sum.String() {
		t.Errorf("orders add up to £%s, the report says £%s", sum, report.Imported[retail.Sale].Sum)
	}
	if sum := pounds(-got.credited); sum != report.Imported[retail.Credit].Sum.String() {
		t.Errorf("credits add up to £%s, the report says £%s", sum, report.Imported[retail.Credit].Sum)
	}
	if newest, relayed, err := m.orders.Relay(t.Context()); err != nil || newest != relayed {
		t.Errorf("the outbox is at %d of %d (%v), want all relayed", relayed, newest, err)
	}
}

// audited wants an audit to find nothing, and returns what is there.
func (m market) audited(t *testing.T) sums {
	t.Helper()
	report, err := shop.Audit{Orders: m.orders, Views: m.views, Catalog: m.catalog, Drained: true}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	audittest.Holds(t, report)
	var got sums
	_, err = journal.Fold(t.Context(), m.orders, journal.Snapshot[int]{}, func(n int, e journal.Entry) (int, error) {
		fact, err := shop.DecodeFact(e.Body)
		switch {
		case fact.Order != nil:
			got.orders++
			got.sold += fact.Order.Total.Amount
		case fact.Credit != nil:
			got.credits++
			got.credited += fact.Credit.Amount.Amount
		default:
			got.changed += fact.Change
		}
		return n + 1, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func pounds(pence int64) string {
	sign := ""
	if pence < 0 {
		sign, pence = "-", -pence
	}
	return fmt.Sprintf("%s%d.%02d", sign, pence/100, pence%100)
}

// sample has every kind of line, and every reason that a line of a readable form can be rejected for.
const sample = retail.Header + `
1001,A1,"TEA, GREEN ",6,2011-01-03 09:00:00,2.55,17000,United Kingdom
1001,A1,TEA GREEN,2,2011-01-03 09:00:00,2.5,17000,United Kingdom
1001,B 2,CUP 7"" BLUE,1,2011-01-03 09:00:00,0,17000,United Kingdom
1001,B 2,"CUP 7"" BLUE",1,2011-01-03 09:00:00,0,17000,United Kingdom
1002,A1,TEA GREEN,10,2011-01-03 10:00:00,2.5,,EIRE
1002,C3,FREE CARD,1,2011-01-03 10:00:00,0,,EIRE
C1003,A1,TEA GREEN,-2,2011-01-04 09:00:00,2.55,17000,United Kingdom
1004,A1,damages,-5,2011-01-04 10:00:00,0,,United Kingdom
1005,A1,found,3,2011-01-04 11:00:00,0,,United Kingdom
1006,A1,,-1,2011-01-04 12:00:00,0,,United Kingdom
1007,A1,TEA GREEN,1,2011-01-05 09:00:00,3,17001,Channel Islands
1008,A1,TEA GREEN,1,2011-01-05 09:30:00,3,17002,RSA
1007,A1,TEA GREEN,2,2011-01-05 10:00:00,3,17001,Channel Islands
A1009,B,Adjust bad debt,1,2011-01-06 09:00:00,11062.06,,United Kingdom
1010,B,Adjust bad debt,1,2011-01-06 09:00:00,-11062.06,,United Kingdom
1011,A1,PAD,1,2011-01-06 09:00:00,0.001,17000,United Kingdom
1012,A1,TEA GREEN,-1,2011-01-06 09:00:00,2.55,17000,United Kingdom
C1013,A1,TEA GREEN,1,2011-01-06 09:00:00,2.55,17000,United Kingdom
1014,A1,TEA GREEN,0,2011-01-06 09:00:00,2.55,17000,United Kingdom
1015,A1,TEA GREEN,1,2011-01-06 09:00:00,2.55x,17000,United Kingdom
1016,A1,TEA GREEN,1,06/01/2011,2.55,17000,United Kingdom
1017,,TEA GREEN,1,2011-01-06 09:00:00,2.55,17000,United Kingdom
1018,A1,TEA GREEN,1,2011-01-06 09:00:00,2.55,17000
`

// write puts a file into a folder of the test.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "retail.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustImport(t *testing.T, m market, path string) retail.Report {
	t.Helper()
	report, err := retail.Import(t.Context(), path, m.targets(), retail.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Balanced() {
		t.Errorf("the report does not balance: %+v", report)
	}
	return report
}

func TestEveryLineIsImportedOrRejectedForAReason(t *testing.T) {
	m := memoryMarket()
	path := write(t, sample)
	report := mustImport(t, m, path)
	m.verify(t, report)
	if got, want := report.Total.Lines, strings.Count(sample, "\n")-1; got != want {
		t.Errorf("%d lines, want %d", got, want)
	}
	wantKinds := map[retail.Kind]string{retail.Sale: "8 57.30", retail.Credit: "1 -5.10", retail.Adjustment: "3 0.00"}
	for kind, want := range wantKinds {
		if c := report.Imported[kind]; fmt.Sprintf("%d %s", c.Lines, c.Sum) != want {
			t.Errorf("imported as %s: %d lines of £%s, want %s", kind, c.Lines, c.Sum, want)
		}
	}
	wantReasons := map[retail.Reason]string{
		retail.Malformed: "2 0.00", retail.NotAnInvoice: "1 11062.06", retail.NegativePrice: "1 -11062.06",
		retail.PartOfAPenny: "1 0.001", retail.SaleOfNothing: "1 -2.55", retail.CreditWithGain: "1 2.55",
		retail.BadQuantity: "1 0.00", retail.BadPrice: "1 0.00", retail.BadDate: "1 2.55", retail.BadCode: "1 2.55",
	}
	for reason, want := range wantReasons {
		if c := report.Rejected[reason]; fmt.Sprintf("%d %s", c.Lines, c.Sum) != want {
			t.Errorf("rejected as %s: %d lines of £%s, want %s", reason, c.Lines, c.Sum, want)
		}
	}
	if len(report.Rejected) != len(wantReasons) {
		t.Errorf("rejected for %v, want the reasons of %v", report.Rejected, wantReasons)
	}
	want := retail.Contents{Products: 3, Customers: 4, Orders: 5, Credits: 1, StockChanges: 3}
	if report.Contents != want || report.Added != want {
		t.Errorf("contents %+v, added %+v; want %+v", report.Contents, report.Added, want)
	}
}

func TestRejectedLinesAreWrittenBesideTheFile(t *testing.T) {
	path := write(t, sample)
	report := mustImport(t, memoryMarket(), path)
	if report.RejectsFile != path+".rejects.csv" {
		t.Errorf("rejects are in %q, want them beside %s", report.RejectsFile, path)
	}
	text, err := os.ReadFile(report.RejectsFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 12 || lines[0] != "Line,Reason,"+retail.Header {
		t.Errorf("%d lines below %q, want 11 below the header", len(lines)-1, lines[0])
	}
	want := `4,malformed,1001,B 2,CUP 7"" BLUE,1,2011-01-03 09:00:00,0,17000,United Kingdom`
	if lines[1] != want {
		t.Errorf("the first rejected line is %q, want %q", lines[1], want)
	}
}

func TestRejectedLinesGoElsewhereWhenTheFolderTakesNothing(t *testing.T) {
	path := write(t, sample)
	if err := os.Mkdir(path+".rejects.csv", 0o700); err != nil { // nothing can be written under this name
		t.Fatal(err)
	}
	other := t.TempDir()
	report, err := retail.Import(t.Context(), path, memoryMarket().targets(), retail.Options{RejectsDir: other})
	if err != nil || filepath.Dir(report.RejectsFile) != other {
		t.Errorf("rejects are in %q (%v), want them in %s", report.RejectsFile, err, other)
	}
}

func TestWhatTheLinesBecome(t *testing.T) {
	m := memoryMarket()
	mustImport(t, m, write(t, sample))
	cards, err := m.catalog.CardsBySKU(t.Context(), []string{"A1", "B-2", "C3"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range cards {
		got[c.SKU] = fmt.Sprintf("%s %d %s %d", c.Name, c.Price.Amount, c.Price.Currency, c.InventoryCount)
		if user, err := m.users.User(t.Context(), c.Seller); err != nil || user.Name != "Retail import" || user.Role != accounts.Seller {
			t.Errorf("the seller of %s is %+v (%v)", c.SKU, user, err)
		}
	}
	// Of A1, 5 were lost and opened the stock, 3 were found, 1 was lost.
	for sku, want := range map[string]string{
		"A1": "TEA GREEN 255 GBP 2", "B-2": `CUP 7" BLUE 0 GBP 0`, "C3": "FREE CARD 0 GBP 0",
	} {
		if got[sku] != want {
			t.Errorf("%s = %q, want %q", sku, got[sku], want)
		}
	}
	customers := map[string]string{}
	references := map[string]int{}
	err = m.orders.EachOrder(t.Context(), func(o shop.Order) error {
		user, err := m.users.User(t.Context(), o.UserID)
		customers[user.Name] = user.Country
		references[o.Reference]++
		if o.State != shop.Confirmed || o.Payment != shop.PaymentPaid || ident.Check(ident.Order, o.ID) != nil {
			t.Errorf("order %+v, want it confirmed and paid", o)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"Customer 17000": "GB", "Guest (EIRE)": "IE", "Customer 17001": "", "Customer 17002": "ZA"}
	if fmt.Sprint(customers) != fmt.Sprint(want) {
		t.Errorf("customers %v, want %v", customers, want)
	}
	if fmt.Sprint(references) != "map[1001:1 1002:1 1007:2 1008:1]" {
		t.Errorf("orders of the invoices %v, want two for 1007, whose lines are apart", references)
	}
}

func TestTheSameTextIsTheSameFileWhateverItsForm(t *testing.T) {
	m := memoryMarket()
	mustImport(t, m, write(t, sample))
	path := filepath.Join(t.TempDir(), "renamed.gz")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	compressed := gzip.NewWriter(file)
	_, err = compressed.Write([]byte(sample))
	if err := errors.Join(err, compressed.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	report := mustImport(t, m, path)
	if report.Added != (retail.Contents{}) {
		t.Errorf("the second run added %+v, want nothing", report.Added)
	}
	m.verify(t, report)
}

func TestAnotherFileWithTheSameInvoicesIsRefused(t *testing.T) {
	m := memoryMarket()
	report := mustImport(t, m, write(t, sample))
	more := sample + "1020,A1,TEA GREEN,1,2011-01-09 09:00:00,3,17002,RSA\n"
	_, err := retail.Import(t.Context(), write(t, more), m.targets(), retail.Options{})
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("import = %v, want fault.Conflict", err)
	}
	m.verify(t, report)
}

func TestFilesOfAnotherFormAreRefused(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "other columns": "a,b,c\n1,2,3\n"} {
		if _, err := retail.Import(t.Context(), write(t, text), memoryMarket().targets(), retail.Options{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v, want fault.Invalid", name, err)
		}
	}
	if _, err := retail.Import(t.Context(), filepath.Join(t.TempDir(), "none"), memoryMarket().targets(), retail.Options{}); err == nil {
		t.Error("a file that is not there was imported")
	}
	if report := mustImport(t, memoryMarket(), write(t, retail.Header)); report.Total.Lines != 0 {
		t.Errorf("a file of only a header has %d lines", report.Total.Lines)
	}
}

func TestLongLinesAndLongInvoicesTakeBoundedMemory(t *testing.T) {
	var b strings.Builder
	b.WriteString(retail.Header + "\r\n")
	for range 12_000 {
		b.WriteString("1001,A1,TEA,1,2011-01-03 09:00:00,2.5,17000,EIRE\r\n")
	}
	b.WriteString("1001,A1," + strings.Repeat("TEA ", 50_000) + ",1,2011-01-03 09:00:00,2.5,17000,EIRE\n")
	b.WriteString("1002,A1,TEA,1,2011-01-03 09:00:00,2.5,17000,EIRE") // without an end
	m := memoryMarket()
	report := mustImport(t, m, write(t, b.String()))
	if report.Contents.Orders != 7 || report.Imported[retail.Sale].Lines != 12_001 {
		t.Errorf("%+v of %d lines, want six orders for the long invoice and one for the last line",
			report.Contents, report.Imported[retail.Sale].Lines)
	}
	if got := report.Rejected[retail.Malformed].Lines; got != 1 {
		t.Errorf("%d malformed lines, want the long one", got)
	}
	m.verify(t, report)
}

func TestEveryFactOfALongInvoiceFitsIntoTheEventLog(t *testing.T) {
	for name, line := range map[string]func(i int) string{
		"ordinary": func(i int) string { return fmt.Sprintf("A%d,TEA", i) },
		"longest, escaped": func(i int) string {
			return fmt.Sprintf("%s%05d,%s", strings.Repeat("<", 59), i, strings.Repeat("<", 160))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			b.WriteString(retail.Header + "\n")
			for _, sign := range []string{"", "C"} {
				for i := range 4_000 {
					units := 1_000_000
					if sign == "C" {
						units = -units
					}
					fmt.Fprintf(&b, "%s1001,%s,%d,2011-01-03 09:00:00,1000,17000,EIRE\n", sign, line(i), units)
				}
			}
			m := memoryMarket()
			m.verify(t, mustImport(t, m, write(t, b.String())))
			_, err := journal.Fold(t.Context(), m.orders, journal.Snapshot[int]{}, func(n int, e journal.Entry) (int, error) {
				if len(e.Body) > shop.MaxFact {
					t.Errorf("%s has %d bytes, want at most %d", e.Kind, len(e.Body), shop.MaxFact)
				}
				return n + 1, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// many returns a file of some batches.
func many() string {
	var b strings.Builder
	b.WriteString(retail.Header + "\n")
	for i := range 12_500 {
		invoice, sign := fmt.Sprint(5000+i/7), ""
		if i/7%10 == 9 {
			invoice, sign = "C"+invoice, "-"
		}
		if i%1000 == 0 {
			fmt.Fprintf(&b, "%d,P%d,damaged,-3,2011-02-01 10:00:00,0,,France\n", 90_000+i, i%83)
		}
		fmt.Fprintf(&b, "%s,P%d,PIECE %d,%s%d,2011-02-01 10:%02d:00,%d.%02d,%d,France\n",
			invoice, i%83, i%83, sign, 1+i%5, i/7%60, i%9, i%100, 100+i/7%50)
	}
	return b.String()
}

// failing is an order store whose next import fails before or after it is kept, after some that succeed.
type failing struct {
	shop.OrderStore
	left int
	kept bool
}

var errDown = errors.New("the store is down")

func (f *failing) Import(ctx context.Context, batch shop.ImportBatch) error {
	if f.left--; f.left >= 0 {
		return f.OrderStore.Import(ctx, batch)
	}
	if f.kept {
		if err := f.OrderStore.Import(ctx, batch); err != nil {
			return err
		}
	}
	return errDown
}

// TestAnImportThatFailsAnywhereIsCompleted lets each batch in turn fail, kept and not, and runs the import again.
func TestAnImportThatFailsAnywhereIsCompleted(t *testing.T) {
	path := write(t, many())
	whole := memoryMarket()
	want := whole.imported(t, path)
	failures := 0
	for _, kept := range []bool{false, true} {
		for after := 0; ; after++ {
			m := memoryMarket()
			broken := m
			broken.orders = &failing{m.orders, after, kept}
			_, err := retail.Import(t.Context(), path, broken.targets(), retail.Options{})
			if err == nil {
				break
			}
			if !errors.Is(err, errDown) {
				t.Fatalf("failing after %d: %v", after, err)
			}
			failures++
			if got := m.imported(t, path); got != want {
				t.Errorf("failing after %d (kept %t) and run again: %+v, want %+v", after, kept, got, want)
			}
		}
	}
	if failures < 6 {
		t.Errorf("%d failures, want some batches to fail", failures)
	}
}

// imported imports a file, starts what follows the event log, and returns what is there then.
func (m market) imported(t *testing.T, path string) sums {
	t.Helper()
	mustImport(t, m, path)
	history := shop.NewOrderHistory(m.views, m.orders)
	inventory := shop.NewInventorySync(m.orders, m.targets().Catalog, shop.InventorySyncOptions{})
	for {
		pending, err := m.orders.Pending(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(pending) == 0 {
			return m.audited(t)
		}
		events := make([]shop.Event, len(pending))
		for i, message := range pending {
			if err := json.Unmarshal(message.Body, &events[i]); err != nil {
				t.Fatal(err)
			}
		}
		err = errors.Join(history.Project(t.Context(), events), inventory.Project(t.Context(), events),
			m.orders.Relayed(t.Context(), pending[len(pending)-1].Seq))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnInterruptedImportIsCompleted ends an import at each telling of its progress in turn.
func TestAnInterruptedImportIsCompleted(t *testing.T) {
	path := write(t, many())
	whole := memoryMarket()
	want := whole.imported(t, path)
	interrupted := 0
	for last := 1; ; last++ {
		m := memoryMarket()
		ctx, interrupt := context.WithCancel(t.Context())
		told := 0
		_, err := retail.Import(ctx, path, m.targets(), retail.Options{Progress: func(retail.Progress) {
			if told++; told == last {
				interrupt()
			}
		}})
		interrupt()
		if told < last {
			break
		}
		if err != nil {
			interrupted++
		}
		if got := m.imported(t, path); got != want {
			t.Errorf("interrupted at telling %d and run again: %+v, want %+v", last, got, want)
		}
	}
	if interrupted < 3 {
		t.Errorf("%d imports were interrupted, want one at each telling but the last", interrupted)
	}
}
