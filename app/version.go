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

// folderVersion is the version of the whole data folder. It rises with the version of each store in the folder, so that an older
// program refuses the folder before it opens a store. See docs/upgrading.md.
const folderVersion = 3

// versionFile has the version of a data folder, in decimal. A folder without the file has version 1.
const versionFile = "version"

// checkVersion returns the version of the data folder, or 0 if there is no file. It refuses a folder of a newer program.
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

// markVersion checks the version of a data folder and raises it to that of this program. It is called before a store is migrated,
// so that an older program also refuses a folder whose migration was interrupted.
func markVersion(folder string) error {
	found, err := checkVersion(folder)
	if err != nil || found == folderVersion {
		return err
	}
	return writeSecret(filepath.Join(folder, versionFile), strconv.Itoa(folderVersion))
}
