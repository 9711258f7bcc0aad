// Package retail imports the sales of a shop from the file format of the data set "Online Retail" (Chen, Sain and Guo,
// 2012, https://doi.org/10.24432/C5BW33): one CSV line for each line of an invoice, plain or compressed with gzip.
//
// Lines are converted as follows:
//
//   - A line of an invoice becomes a line of a past order, with its own price and description. A free line has the price 0.
//   - A line of a cancellation (InvoiceNo begins with C) becomes a line of a credit: a refund for an order that the file does not
//     name.
//   - A line without customer and price, on an invoice with a total of 0, becomes a change of stock, with its description as the
//     reason.
//   - Every other line is rejected for a Reason, and written to a file with the reason. No line is lost.
//
// A stock code that is sold or credited becomes a product of the seller "Retail import". Its name is the most frequent description.
// Its price is the median of its unit prices (the lower one of two), or 0 if it was never sold. Spaces in a code become dashes,
// because a SKU has no spaces; codes are case-sensitive. An existing product with the same SKU is not changed.
//
// A customer number becomes a user without a password or personal data. Its country is that of its first line. Lines without a
// number belong to one guest for each country, because the file does not tell whether two of them have the same customer.
//
// The file has no stock levels. Sold units are not taken from the current stock. If more units are lost than are in stock, the
// difference is booked as opening stock first.
package retail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/shop"
)

// currency is the currency of the data set.
const currency = "GBP"

// batchLines is the approximate number of lines in one transaction.
const batchLines = 4_000

// Targets are the stores to fill. No server may run on them.
type Targets struct {
	Users   accounts.UserStore
	Catalog *shop.Catalog
	Orders  shop.OrderStore
	Views   shop.OrderViews
}

// Progress is the progress of one of the two passes over the file. Total is 0 in the first pass, which counts the lines.
type Progress struct {
	Stage string // survey or import
	Lines int
	Total int
}

// Options configure an import. The zero value is usable.
type Options struct {
	// RejectsDir is the folder for the file of rejected lines if the folder of the source is read-only.
	RejectsDir string
	// Progress, if not nil, is called every ten thousand lines.
	Progress func(Progress)
}

// importing is one import of one file.
type importing struct {
	Targets
	file     string
	importer *shop.Importer
	options  Options
	survey   *survey
	report   Report
}

// Import imports a file into the shop. The first pass checks the lines and collects the products and customers; the second pass
// imports the lines. Memory grows with the products and customers, not with the lines.
//
// It can be interrupted at any time: each batch and its position are stored in one transaction, so the next import continues there.
// After a complete import, another one adds nothing. A file is identified by the hash of its text, not by its name. Another file
// with the same invoices fails with fault.Conflict at the first of them. A file of another format fails with fault.Invalid.
func Import(ctx context.Context, file string, targets Targets, options Options) (Report, error) {
	started := time.Now()
	if options.Progress == nil {
		options.Progress = func(Progress) {}
	}
	i := &importing{
		Targets: targets, file: file, options: options,
		importer: shop.NewImporter(targets.Orders, targets.Views, targets.Catalog),
	}
	err := i.all(ctx)
	i.report.Took = time.Since(started)
	return i.report, err
}

func (i *importing) all(ctx context.Context) error {
	if err := i.surveyFile(ctx); err != nil {
		return fmt.Errorf("survey %s: %w", i.file, err)
	}
	if err := i.addCustomers(ctx); err != nil {
		return fmt.Errorf("add customers: %w", err)
	}
	if err := i.addProducts(ctx); err != nil {
		return fmt.Errorf("add products: %w", err)
	}
	if err := i.addInvoices(ctx); err != nil {
		return fmt.Errorf("import %s: %w", i.file, err)
	}
	return nil
}

// surveyFile is the first pass.
func (i *importing) surveyFile(ctx context.Context) error {
	rejected := &rejects{file: i.file, fallback: i.options.RejectsDir}
	i.survey = newSurvey(rejected)
	err := i.read(ctx, reader{
		reject:   i.survey.reject,
		run:      i.survey.run,
		progress: func(lines int) { i.options.Progress(Progress{Stage: "survey", Lines: lines}) },
	}, i.survey.hash)
	i.report = i.survey.finish()
	return errors.Join(err, rejected.close())
}

// read reads the whole file with r. It also writes the text to copied, unless that is nil.
func (i *importing) read(ctx context.Context, r reader, copied io.Writer) error {
	file, err := os.Open(i.file)
	if err != nil {
		return err
	}
	text, err := decompressed(file)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	if copied != nil {
		text = io.TeeReader(text, copied)
	}
	return errors.Join(r.all(ctx, text), file.Close())
}

// addCustomers stores the users that are missing in the shop.
func (i *importing) addCustomers(ctx context.Context) error {
	var missing []accounts.Account
	for _, user := range i.survey.users() {
		_, err := i.Users.User(ctx, user.ID)
		if fault.Is(err, fault.NotFound) {
			missing = append(missing, accounts.Account{User: user})
		} else if err != nil {
			return err
		}
	}
	if err := i.Users.CreateMany(ctx, missing); err != nil {
		return err
	}
	for _, a := range missing {
		if a.Role == accounts.Shopper {
			i.report.Added.Customers++
		}
	}
	return nil
}

// productBatch is the number of products in one transaction.
const productBatch = 2_000

// addProducts stores the products whose SKU is free, and reads the offers of all products.
func (i *importing) addProducts(ctx context.Context) error {
	for batch := range slices.Chunk(i.survey.products(), productBatch) {
		created, err := i.Catalog.CreateMany(ctx, batch)
		if err != nil {
			return err
		}
		i.report.Added.Products += created
		skus := make([]string, len(batch))
		for n, p := range batch {
			skus[n] = p.SKU
		}
		offers, err := i.Catalog.OffersBySKU(ctx, skus)
		if err != nil {
			return err
		}
		maps.Copy(i.survey.offers, offers)
	}
	return nil
}

// reached is the position of an import, as the shop stores it.
type reached struct {
	Line int `json:"line"` // the last line whose run is imported
}

// addInvoices is the second pass.
func (i *importing) addInvoices(ctx context.Context) error {
	source := i.survey.source()
	from, err := i.reached(ctx, source)
	if err != nil || from.Line >= i.survey.last {
		return err
	}
	stock, err := i.importer.Stock(ctx, i.survey.adjusted())
	if err != nil {
		return err
	}
	b := &batch{source: source, offers: i.survey.offers, stock: stock}
	err = i.read(ctx, reader{
		reject: func(int, string, Line, Reason) error { return nil }, // the first pass has written it
		run: func(r run) error {
			if r.last <= from.Line {
				return nil
			}
			return i.addRun(ctx, b, r)
		},
		progress: func(lines int) { i.options.Progress(Progress{"import", lines, i.report.Total.Lines}) },
	}, nil)
	if err != nil || b.lines == 0 {
		return err
	}
	return i.store(ctx, b)
}

// reached returns the position of earlier imports of the file.
func (i *importing) reached(ctx context.Context, source string) (reached, error) {
	var from reached
	note, err := i.importer.Progress(ctx, source)
	if err != nil || note == nil {
		return from, err
	}
	if err := json.Unmarshal(note, &from); err != nil {
		return from, fmt.Errorf("decode the position of the import: %w", err)
	}
	return from, nil
}

// addRun adds a run to the batch, and stores the batch if it is full.
func (i *importing) addRun(ctx context.Context, b *batch, r run) error {
	if err := b.add(r); err != nil {
		return fmt.Errorf("invoice %s, which ends on line %d: %w", r.lines[0].Invoice, r.last+1, err)
	}
	if b.lines < batchLines {
		return nil
	}
	return i.store(ctx, b)
}

func (i *importing) store(ctx context.Context, b *batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	next, added, err := b.take()
	if err != nil {
		return err
	}
	if err := i.importer.Import(ctx, next); err != nil {
		return err
	}
	i.report.Added = i.report.Added.plus(added)
	return nil
}
