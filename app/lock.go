package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"agora/fault"
)

// lockData creates the data folder and locks it for this process until the returned file is closed, because an embedded engine
// has to be the only writer of its files. It refuses a folder of a newer program.
func lockData(folder string) (*os.File, error) {
	if err := makeDataFolder(folder); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the data folder: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		if err := markVersion(folder); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		return file, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fault.New(fault.Unavailable, "data_in_use", "the data folder "+folder+" is in use by another agora")
	}
	return nil, errors.Join(err, file.Close())
}
