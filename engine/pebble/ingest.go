package pebble

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"agora/fault"
)

const (
	ingestFolder    = "ingest" // has files that are not part of the database yet
	ingestFileBytes = 16 << 20
)

// IngestMerges merges values, in the order of their keys, and each key once. It writes them as files of the database and
// makes these durable: for megabytes that is cheaper than Commit, which writes them to the log and to memory first.
func (db *DB) IngestMerges(ctx context.Context, rows iter.Seq2[[]byte, []byte]) error {
	return db.ingest(ctx, func(t *tables) error {
		for key, value := range rows {
			if err := t.add((*sstable.Writer).Merge, key, value); err != nil {
				return err
			}
		}
		return nil
	})
}

// IngestSets sets values as IngestMerges merges them: all those for which fill calls set, or none if fill fails. Keys come in
// their order, and each once. The caller of set may change both slices after the call.
func (db *DB) IngestSets(ctx context.Context, fill func(set func(key, value []byte) error) error) error {
	return db.ingest(ctx, func(t *tables) error {
		return fill(func(key, value []byte) error { return t.add((*sstable.Writer).Set, key, value) })
	})
}

// ingest makes what fill adds to tables a part of the database.
func (db *DB) ingest(ctx context.Context, fill func(*tables) error) error {
	if err := errors.Join(ctx.Err(), db.Err()); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the database takes no writes")
	}
	if err := db.room(); err != nil {
		return err
	}
	t := &tables{db: db}
	err := fill(t)
	if err = errors.Join(err, t.finish()); err == nil && len(t.files) > 0 {
		err = db.db.Ingest(ctx, t.files)
	}
	for _, file := range t.files { // those that the database did not take over
		if removed := db.fs.Remove(file); !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}
	return fault.Wrap(fault.Unavailable, err, "the write may be lost")
}

// tables are files of a database that are being written.
type tables struct {
	db    *DB
	files []string        // their paths
	table *sstable.Writer // the last one, unless it is finished
}

// add adds a row with a method of the writer.
func (t *tables) add(with func(_ *sstable.Writer, key, value []byte) error, key, value []byte) error {
	if t.table != nil && t.table.Raw().EstimatedSize() >= ingestFileBytes {
		if err := t.finish(); err != nil {
			return err
		}
	}
	if t.table == nil {
		path := t.db.fs.PathJoin(t.db.dir, ingestFolder, fmt.Sprintf("%d.sst", t.db.files.Add(1)))
		t.files = append(t.files, path)
		var err error
		if t.table, err = t.db.newTable(path); err != nil {
			return err
		}
	}
	return with(t.table, key, value)
}

func (t *tables) finish() error {
	if t.table == nil {
		return nil
	}
	err := t.table.Close()
	t.table = nil
	return err
}

func (db *DB) newTable(path string) (*sstable.Writer, error) {
	file, err := db.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	return sstable.NewWriter(objstorageprovider.NewFileWritable(file), db.options.MakeWriterOptions(0, pebble.FormatNewest.MaxTableFormat())), nil
}

// emptyIngestFolder removes what a crash has left.
func emptyIngestFolder(files vfs.FS, dir string) error {
	folder := files.PathJoin(dir, ingestFolder)
	if err := files.RemoveAll(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return files.MkdirAll(folder, 0o755)
}
