package app

import (
	"context"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// limitMemory makes the garbage collector keep the heap within 90 % of the memory of the container; C code and the page caches of
// engines need the rest. Without this limit, the kernel could kill a program whose heap is mostly garbage. GOMEMLIMIT overrides
// it. root is the root of the file system.
func limitMemory(ctx context.Context, root fs.FS, log *slog.Logger) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if limit, ok := memoryOfContainer(root); ok {
		debug.SetMemoryLimit(limit / 10 * 9)
		log.InfoContext(ctx, "the heap is limited to a share of the container's memory", "container", limit, "heap", limit/10*9)
	}
}

// memoryOfContainer returns the least memory limit, in bytes, of this process's control group and of the groups above it.
func memoryOfContainer(root fs.FS) (bytes int64, limited bool) {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, false // not Linux
	}
	bytes = math.MaxInt64
	for line := range strings.Lines(string(groups)) {
		// 0::/path in version 2, and a line such as 9:memory:/path in version 1.
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		switch {
		case parts[1] == "":
			bytes = min(bytes, leastLimit(root, "sys/fs/cgroup", parts[2], "memory.max"))
		case hasController(parts[1], "memory"):
			bytes = min(bytes, leastLimit(root, "sys/fs/cgroup/memory", parts[2], "memory.limit_in_bytes"))
		}
	}
	return bytes, bytes < unlimitedMemory
}

// unlimitedMemory is more than any machine has. Control groups of version 1 show a larger number for no limit.
const unlimitedMemory = 1 << 50

// leastLimit returns the least limit of a group and of the groups above it. In a container, the folder of the mount is the
// container's own group and the folders of the path do not exist; the limit is then at the top.
func leastLimit(root fs.FS, mount, group, file string) int64 {
	least := int64(math.MaxInt64)
	for folder := path.Join(mount, path.Clean("/"+group)); len(folder) >= len(mount); folder = path.Dir(folder) {
		text, err := fs.ReadFile(root, path.Join(folder, file))
		if err != nil {
			continue
		}
		// Without a limit, the text is "max".
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && limit > 0 {
			least = min(least, limit)
		}
	}
	return least
}

func hasController(list, name string) bool {
	for controller := range strings.SplitSeq(list, ",") {
		if controller == name {
			return true
		}
	}
	return false
}
