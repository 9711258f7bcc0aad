// Package retail imports the sales of a shop from the file format of the data set "Online Retail" (Chen, Sain and Guo,
// 2012, https://doi.org/10.24432/C5BW33): one CSV line for each line of an invoice, plain or compressed with gzip.
//
// What a line becomes:
//
//   - A line of an invoice is a line of a historical order, at its own price and under its own description. Lines that
//     are given away have the price 0.
//   - A line of a cancellation (InvoiceNo begins with C) is a line of a credit: money that went back, for an order
//     that the file does not name.
//   - A line without customer and price, on an invoice that charges nothing, is a change of the stock, with its
//     description as the reason.
//   - Every other line is rejected for a Reason, and written to a file with it. No line is dropped.
//
// A stock code that is sold or credited becomes a product of the seller "Retail import": its name is the most frequent
// description, its price the median of the unit prices it was sold at (the lower one of two), 0 if it was only given
// away. Spaces in a code become dashes, as no SKU has spaces; upper and lower case are different codes.
// A product whose SKU is in the shop already is taken as it is.
//
// A customer number becomes a user without a password, e-mail address or other personal data, of the country on
// their first line. Lines without a number belong to one guest for each country: who they were is not known, and
// making up a person for each invoice would say that they were all different.
//
// The file does not say what was in stock. Sold units come from the supply, not from the stock of today; units
// that turn out to be lost although there are none are booked as opening stock first.
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

// currency is what the prices of the data set are in.
const currency = "GBP"

// batchLines is about how many lines are kept in one transaction.
const batchLines = 4_000

// Targets are where the data goes. No server may be running on them.
type Targets struct {
	Users   accounts.UserStore
	Catalog *shop.Catalog
	Orders  shop.OrderStore
	Views   shop.OrderViews
}

// Progress says how far one of the two passes over the file is. Total is 0 during the first, which counts the lines.
type Progress struct {
	Stage string // survey or import
	Lines int
	Total int
}

// Options are what an import may be told. The zero Options are fine.
type Options struct {
	// RejectsDir is where the rejected lines go if they cannot be written beside the file.
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

// Import takes a file into the shop: one pass to count, check and collect the products and customers, another to
// import. Memory grows with these, not with the lines.
//
// It can be interrupted at any time: what was imported, and how far that is, is kept in one transaction, so that
// the next run goes on there; a run after a complete one adds nothing. A file is known by the hash of its text,
// whatever its name. Another file with the same invoices is refused as fault.Conflict when the first of them comes.
// A file of another form is fault.Invalid.
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
	if err := i.look(ctx); err != nil {
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

// look is the first pass.
func (i *importing) look(ctx context.Context) error {
	rejected := &rejects{file: i.file, fallback: i.options.RejectsDir}
	i.survey = newSurvey(rejected)
	err := i.read(ctx, reader{
		reject: i.survey.reject,
		run:    i.survey.run,
		tell:   func(lines int) { i.options.Progress(Progress{Stage: "survey", Lines: lines}) },
	}, i.survey.hash)
	i.report = i.survey.finish()
	return errors.Join(err, rejected.close())
}

// read reads the file from its beginning to its end; copied gets its text as well, if it is not nil.
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

// addCustomers stores those users who are not there yet.
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

// productBatch is how many products are stored or looked up in one transaction.
const productBatch = 2_000

// addProducts stores those products whose SKU is free, and learns what all are offered as.
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

// reached is what the shop remembers of an import.
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
		reject: func(int, string, Line, Reason) error { return nil }, // the survey has written them down
		run: func(r run) error {
			if r.last <= from.Line {
				return nil
			}
			return i.addRun(ctx, b, r)
		},
		tell: func(lines int) { i.options.Progress(Progress{"import", lines, i.report.Total.Lines}) },
	}, nil)
	if err != nil || b.lines == 0 {
		return err
	}
	return i.keep(ctx, b)
}

// reached returns how far earlier runs came.
func (i *importing) reached(ctx context.Context, source string) (reached, error) {
	var from reached
	note, err := i.importer.Progress(ctx, source)
	if err != nil || note == nil {
		return from, err
	}
	if err := json.Unmarshal(note, &from); err != nil {
		return from, fmt.Errorf("decode how far it came: %w", err)
	}
	return from, nil
}

// addRun takes a run into the batch, and keeps a batch that is full.
func (i *importing) addRun(ctx context.Context, b *batch, r run) error {
	if err := b.add(r); err != nil {
		return fmt.Errorf("invoice %s, which ends on line %d: %w", r.lines[0].Invoice, r.last+1, err)
	}
	if b.lines < batchLines {
		return nil
	}
	return i.keep(ctx, b)
}

func (i *importing) keep(ctx context.Context, b *batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	next, made, err := b.take()
	if err != nil {
		return err
	}
	if err := i.importer.Keep(ctx, next); err != nil {
		return err
	}
	i.report.Added = i.report.Added.plus(made)
	return nil
}
