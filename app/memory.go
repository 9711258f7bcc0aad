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

// limitMemory makes the garbage collector work harder as the heap nears what the container of the program may use: at 90 % of
// it, because the stacks of C and the page caches of engines need the rest. Without it the heap grows by its factor alone,
// and the kernel ends a program that had memory to give back. GOMEMLIMIT overrides it. The root is that of
// the file system.
func limitMemory(ctx context.Context, root fs.FS, log *slog.Logger) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if limit, ok := memoryOfContainer(root); ok {
		debug.SetMemoryLimit(limit / 10 * 9)
		log.InfoContext(ctx, "the heap is limited by the memory of the container", "container", limit, "heap", limit/10*9)
	}
}

// memoryOfContainer returns the bytes of memory that the control group of this process may use, and those above it.
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

// unlimitedMemory is more than any machine has: version 1 writes a number of that size where there is no limit.
const unlimitedMemory = 1 << 50

// leastLimit returns the smallest limit that a group or one above it has. In a container the folders begin at the
// container's own group, whatever the path says; the limit is then at the top.
func leastLimit(root fs.FS, mount, group, file string) int64 {
	least := int64(math.MaxInt64)
	for folder := path.Join(mount, path.Clean("/"+group)); len(folder) >= len(mount); folder = path.Dir(folder) {
		text, err := fs.ReadFile(root, path.Join(folder, file))
		if err != nil {
			continue
		}
		// "max" is no number, and no limit.
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
