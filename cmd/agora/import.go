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
	Retail importRetailCommand `cmd:"" help:"Take over a file in the form of the Online Retail data set."`
}

type importRetailCommand struct {
	folder
	Source string `arg:"" name:"file" type:"existingfile" help:"The file, as CSV or as CSV in gzip."`
}

// Help implements kong.HelpProvider.
func (importRetailCommand) Help() string {
	return `It reads lines of InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID and Country,
and makes products, customers, stock, past orders with their dates, and credits of them. Every line is
accounted for: it is imported, or it is rejected for a reason and written to a file beside the source (or into
the data folder, where that cannot be written to). No server may run on the data folder.

It can be interrupted at any time: run again, it goes on where it stopped, and nothing comes in twice.

Examples:

    agora import retail online-retail.csv.gz
    agora import retail --data ./trial online-retail.csv`
}

// Run imports.
func (c importRetailCommand) Run(ctx context.Context, std streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	shown := newProgress(std.err)
	report, err := app.ImportRetail(ctx, cfg, c.Source, slog.New(slog.DiscardHandler), func(p retail.Progress) {
		if p.Total > 0 { // the first pass does not know how many lines there are
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
	}{{"they make", r.Contents}, {"of which this run added", r.Added}} {
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
