package app

import (
	"log/slog"
	"runtime/debug"
	"testing"
	"testing/fstest"
)

func TestMemoryOfContainer(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  int64 // 0 for no limit
	}{
		{"version 2, in a container", map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n",
		}, 512 * mib},
		{"version 2, the group above has less", map[string]string{
			"proc/self/cgroup": "0::/shop.slice/agora.service\n",
			"sys/fs/cgroup/shop.slice/agora.service/memory.max": "1073741824\n", "sys/fs/cgroup/shop.slice/memory.max": "268435456\n",
		}, 256 * mib},
		{"version 2, the path is one of the host", map[string]string{
			"proc/self/cgroup": "0::/docker/0123\n", "sys/fs/cgroup/memory.max": "536870912\n",
		}, 512 * mib},
		{"version 2, no limit", map[string]string{
			"proc/self/cgroup": "0::/agora\n", "sys/fs/cgroup/agora/memory.max": "max\n",
		}, 0},
		{"version 1", map[string]string{
			"proc/self/cgroup": "9:cpu,cpuacct:/a\n8:memory:/a\n0::/\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "536870912\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 512 * mib},
		{"version 1, no limit", map[string]string{
			"proc/self/cgroup": "8:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 0},
		{"a path that climbs", map[string]string{
			"proc/self/cgroup": "0::/../../etc\n", "sys/fs/cgroup/memory.max": "536870912\n",
		}, 512 * mib},
		{"no control groups", nil, 0},
		{"another form", map[string]string{"proc/self/cgroup": "nonsense\n"}, 0},
	} {
		root := fstest.MapFS{}
		for name, text := range tt.files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		got, limited := memoryOfContainer(root)
		if limited != (tt.want > 0) || limited && got != tt.want {
			t.Errorf("%s: got %d, limited = %v; want %d", tt.name, got, limited, tt.want)
		}
	}
}

func TestHeapIsLimitedByTheContainer(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	root := fstest.MapFS{
		"proc/self/cgroup": {Data: []byte("0::/\n")}, "sys/fs/cgroup/memory.max": {Data: []byte("1000000000\n")},
	}
	const unset = 1 << 40
	for given, want := range map[string]int64{"": 900_000_000, "2GiB": unset} {
		t.Setenv("GOMEMLIMIT", given)
		debug.SetMemoryLimit(unset)
		limitMemory(t.Context(), root, slog.New(slog.DiscardHandler))
		if got := debug.SetMemoryLimit(-1); got != want {
			t.Errorf("with GOMEMLIMIT=%q the limit is %d, want %d", given, got, want)
		}
	}
}
