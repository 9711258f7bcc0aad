package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"time"

	"agora/app"
	"agora/importer/retail"
)

type importCommand struct {
	Retail importRetailCommand `cmd:"" help:"Import a file in the format of the Online Retail data set."`
}

type importRetailCommand struct {
	folder
	Source string `arg:"" name:"file" type:"existingfile" help:"The file, as CSV or as CSV in gzip."`
}

// Help implements kong.HelpProvider.
func (importRetailCommand) Help() string {
	return `A line of the file has InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID and
Country. The import creates products, customers, stock, past orders with their dates, and credits for them. Every
line is accounted for: it is imported, or it is rejected for a reason and written to a file next to the source (or
in the data folder, if the source's folder is read-only). No server may run on the data folder.

The command can be interrupted at any time. Run again, it continues where it stopped, and imports nothing twice.

Examples:

    agora import retail online-retail.csv.gz
    agora import retail --data ./trial online-retail.csv`
}

// Run imports the file.
func (c importRetailCommand) Run(ctx context.Context, std streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	shown := newProgress(std.err)
	report, err := app.ImportRetail(ctx, cfg, c.Source, slog.New(slog.DiscardHandler), func(p retail.Progress) {
		if p.Total > 0 { // unknown in the first pass
			shown.at("lines", p.Lines, p.Total)
		}
	})
	shown.end()
	if err != nil {
		return err
	}
	return printRetail(std.out, report)
}

func printRetail(w io.Writer, r retail.Report) error {
	row := func(what string, c retail.Count) { fmt.Fprintf(w, "  %-28s %9d   £%s\n", what, c.Lines, c.Sum) }
	row("lines read", r.Total)
	fmt.Fprintln(w, "imported as")
	for _, kind := range slices.Sorted(maps.Keys(r.Imported)) {
		row(string(kind), r.Imported[kind])
	}
	fmt.Fprintln(w, "rejected because")
	for _, reason := range slices.Sorted(maps.Keys(r.Rejected)) {
		row(string(reason), r.Rejected[reason])
	}
	for _, of := range []struct {
		what     string
		contents retail.Contents
	}{{"they result in", r.Contents}, {"of which this import added", r.Added}} {
		c := of.contents
		fmt.Fprintf(w, "%s %d products, %d customers, %d orders, %d credits, %d stock changes\n",
			of.what, c.Products, c.Customers, c.Orders, c.Credits, c.StockChanges)
	}
	verdict := "balanced: every line is imported or rejected"
	if !r.Balanced() {
		verdict = "NOT BALANCED: lines are missing"
	}
	_, err := fmt.Fprintf(w, "%s\nrejected lines are in %s\ntook %s\n",
		verdict, cmp.Or(r.RejectsFile, "no file: there are none"), r.Took.Round(time.Millisecond))
	if err == nil && !r.Balanced() {
		err = fmt.Errorf("%d lines were read and not all are accounted for", r.Total.Lines)
	}
	return err
}
