package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"agora/fault"
)

// folderVersion is the version of the data folder as a whole. It rises with each version of a store in the folder, so that
// an older program refuses the folder before it opens any of them: docs/upgrading.md.
const folderVersion = 2

// versionFile has the version of a data folder, in decimal. A folder without the file has version 1.
const versionFile = "version"

// checkVersion refuses a data folder of a newer program, and returns the version of the folder.
func checkVersion(folder string) (int64, error) {
	text, err := os.ReadFile(filepath.Join(folder, versionFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the version of the data folder: %w", err)
	}
	found, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the version of the data folder: %w", err)
	}
	if found > folderVersion {
		return 0, fault.ErrNewerSchema("the data folder "+folder, found, folderVersion)
	}
	return found, nil
}

// markVersion checks the version of a data folder and raises it to that of this program, before any store is migrated: a
// folder that is migrated in part is refused by an older program too.
func markVersion(folder string) error {
	found, err := checkVersion(folder)
	if err != nil || found == folderVersion {
		return err
	}
	return writeSecret(filepath.Join(folder, versionFile), strconv.Itoa(folderVersion))
}
