package pebble

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"agora/fault"
)

// formatVersion is the version of the keys and records that this program writes: docs/upgrading.md says when to raise it.
const formatVersion int64 = 1

// versionFile has the version of a folder, in decimal. It is a file and no key, because opening the database to read a
// key would already write to the folder. Folders of the first program that has versions are the first without the file.
const versionFile = "agora-format"

// readVersion returns the version of a folder, or 0 if the folder has none: then it is new, or of version 1.
func readVersion(files vfs.FS, dir string) (version int64, err error) {
	file, err := files.Open(files.PathJoin(dir, versionFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fault.Wrap(fault.Unavailable, err, "the format version of "+dir+" cannot be read")
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	text, err := io.ReadAll(io.LimitReader(file, 32))
	if err == nil {
		version, err = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	}
	if err != nil {
		return 0, fmt.Errorf("read the format version of %s: %w", dir, err)
	}
	return version, nil
}

// writeVersion stores the version of a folder. After a crash the folder has the version before or this one.
func writeVersion(files vfs.FS, dir string, version int64) (err error) {
	defer func() {
		err = fault.Wrap(fault.Unavailable, err, "the format version of "+dir+" cannot be written")
	}()
	path := files.PathJoin(dir, versionFile)
	file, err := files.Create(path+".partial", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write(strconv.AppendInt(nil, version, 10))
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := files.Rename(path+".partial", path); err != nil {
		return err
	}
	folder, err := files.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
