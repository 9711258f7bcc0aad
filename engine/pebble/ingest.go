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
	if err := errors.Join(ctx.Err(), db.Err()); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the database takes no writes")
	}
	if err := db.room(); err != nil {
		return err
	}
	files, err := db.writeFiles(rows)
	if err == nil && len(files) > 0 {
		err = db.db.Ingest(ctx, files)
	}
	for _, file := range files { // those that the database did not take over
		if removed := db.fs.Remove(file); !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}
	return fault.Wrap(fault.Unavailable, err, "the write may be lost")
}

// writeFiles writes rows as tables, and returns their paths.
func (db *DB) writeFiles(rows iter.Seq2[[]byte, []byte]) (files []string, err error) {
	var table *sstable.Writer
	for key, value := range rows {
		if table != nil && table.Raw().EstimatedSize() >= ingestFileBytes {
			err = table.Close()
			table = nil
		}
		if err == nil && table == nil {
			path := db.fs.PathJoin(db.dir, ingestFolder, fmt.Sprintf("%d.sst", db.files.Add(1)))
			files = append(files, path)
			table, err = db.newTable(path)
		}
		if err == nil {
			err = table.Merge(key, value)
		}
		if err != nil {
			break
		}
	}
	if table != nil {
		err = errors.Join(err, table.Close())
	}
	return files, err
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
