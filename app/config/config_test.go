package config

import (
	"bytes"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"agora/fault"
)

// testSchema has ports of every form. The ports of the program are declared in package app.
var testSchema = func() Schema {
	sqlite := Scheme{Name: "sqlite", Path: "file", Own: true}
	postgres := Scheme{Name: "postgres", Server: true, Driver: true}
	memory := Scheme{Name: "memory", Own: true}
	sized := Scheme{Name: "memory", Own: true, Params: map[string]Param{"size": SizeParam}}
	redis := Scheme{Name: "redis", Server: true, Params: map[string]Param{"near": SizeParam}}
	return Schema{
		Systems: []string{"shop", "feed"},
		Ports: []Port{
			{Key: "accounts.users", Was: "users", Default: "sqlite:accounts.db", Help: "Users.", Schemes: []Scheme{sqlite, postgres}},
			{Key: "accounts.sessions", Was: "sessions", Default: "sqlite:accounts.db", Help: "Sessions.", Schemes: []Scheme{sqlite, redis, postgres}},
			{Key: "accounts.personal", Was: "personal", Default: "sqlite:personal.db", Help: "Personal data.", Schemes: []Scheme{sqlite, postgres}},
			{Key: "shop.catalog", Was: "catalog", Default: "sqlite:catalog.db", Help: "Products.", Schemes: []Scheme{sqlite, postgres}},
			{Key: "shop.orders", Was: "orders", Default: "sqlite:orders.db", Help: "Orders.", Schemes: []Scheme{sqlite, postgres}},
			{Key: "shop.views", Was: "views", Default: "sqlite:views.db", Help: "Order history.", Schemes: []Scheme{sqlite, postgres}},
			{Key: "events", Default: "pebble:events", Help: "Events.", Schemes: []Scheme{{Name: "pebble", Path: "folder", Own: true}, postgres}},
			{Key: "cache", Default: "memory:?size=64MiB", Help: "Cache.", Schemes: []Scheme{sized, redis}},
			{Key: "limits", Default: "memory:", Help: "Rate limits.", Schemes: []Scheme{memory, {Name: "redis", Server: true}}},
			{Key: "shop.gateway", Was: "gateway", Default: "simulated:?latency=20ms", Help: "Payments.", Schemes: []Scheme{
				{Name: "simulated", Own: true, Params: map[string]Param{"latency": LatencyParam, "decline": ShareParam, "outage": ShareParam}},
				{Name: "stripe", Params: map[string]Param{"key_file": TextParam, "method": TextParam, "api": WebParam}},
			}},
			{Key: "shop.cdn", Was: "cdn", Default: "none:", Help: "CDN.", Schemes: []Scheme{{Name: "none", Own: true}, {Name: "varnish", Server: true}}},
		},
	}
}()

// samples holds a value for each key that is not its default.
var samples = map[string]string{
	"systems": "feed", "data": "/srv/agora", "listen": ":9090", "demo": "true",
	"log.level": "debug", "log.format": "json", "log.access": "true",
	"tracing.endpoint": "http://collector:4318", "tracing.share": "0.5",
	"accounts.users": "sqlite:u.db", "accounts.sessions": "sqlite:s.db", "accounts.personal": "sqlite:p.db", "shop.catalog": "sqlite:c.db",
	"shop.orders": "sqlite:/fast/o.db", "shop.views": "sqlite:v.db", "events": "pebble:e", "cache": "memory:?size=1GiB", "limits": "redis://h:6379/1",
	"shop.cdn":      "varnish://cdn:6081",
	"shop.gateway":  "simulated:?latency=1s&decline=0.02&outage=0.01",
	"http.max_body": "2MiB", "http.timeout": "5s", "http.max_concurrent": "7", "http.rate_per_token": "0",
	"http.rate_per_address": "3", "http.max_connections": "9", "http.max_connections_per_address": "4",
	"http.max_streams": "8", "http.max_streams_per_address": "2", "http.trusted_proxies": "10.0.0.0/8,fd00::/8", "http.shutdown_grace": "1m", "http.drain": "3s",
	"ops.listen": "127.0.0.1:9464", "accounts.sign_ins_per_address": "0",
	"shop.hold": "1h", "shop.cache_ttl": "90s",
	"feed.strategy": "pull", "feed.threshold": "100", "feed.max_pulled": "50", "feed.posts_per_minute": "0", "feed.idle": "24h",
	"feed.keep": "48h", "feed.memory": "1GiB", "feed.restored": "true",
}

func load(t *testing.T, src Sources) *Settings {
	t.Helper()
	s, err := testSchema.Load(src)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return s
}

// file writes a configuration file into a new folder and returns its path.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agora.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// inFile returns the content of a file that sets one key.
func inFile(t *testing.T, k Key, text string) string {
	t.Helper()
	entry := map[string]any{}
	if err := yaml.Unmarshal([]byte("value: "+text), entry); err != nil {
		t.Fatal(err)
	}
	var doc any = map[string]any{strings.TrimPrefix(k.Name, k.Section()+"."): entry["value"]}
	if k.Section() != "" {
		doc = map[string]any{k.Section(): doc}
	}
	content, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestEachKeyIsSetInThreeWays(t *testing.T) {
	defaults := load(t, Sources{})
	for _, k := range testSchema.Keys() {
		t.Run(k.Name, func(t *testing.T) {
			sample, ok := samples[k.Name]
			if !ok {
				t.Fatal("the key has no sample in this test")
			}
			path := file(t, inFile(t, k, sample))
			ways := []struct {
				origin string
				src    Sources
			}{
				{"file " + path, Sources{File: path}},
				{"environment " + k.Env(), Sources{Environ: []string{k.Env() + "=" + sample}}},
				{"flag --" + k.Flag(), Sources{Flags: map[string]string{k.Name: sample}}},
			}
			var first *Settings
			for _, way := range ways {
				got := load(t, way.src)
				if reflect.DeepEqual(got.Config, defaults.Config) {
					t.Errorf("%s: the configuration is still the default one", way.origin)
				}
				if origin := got.given[k.Name].origin; origin != way.origin {
					t.Errorf("origin = %q, want %q", origin, way.origin)
				}
				if first == nil {
					first = got
				}
				if !reflect.DeepEqual(got.Config, first.Config) {
					t.Errorf("%s gives %+v, %s gave %+v", way.origin, got.Config, ways[0].origin, first.Config)
				}
			}
		})
	}
}

func TestKeysHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]string{FileVariable: "the file", "config": "the file", "help": "help"}
	for _, k := range testSchema.Keys() {
		for _, name := range []string{k.Name, k.Env(), k.Flag()} {
			if other, taken := seen[name]; taken && other != k.Name {
				t.Errorf("%s is a name of both %s and %s", name, other, k.Name)
			}
			seen[name] = k.Name
		}
		if !strings.HasSuffix(k.Help, ".") || k.Form == "" {
			t.Errorf("%s: help %q (want sentences), form %q", k.Name, k.Help, k.Form)
		}
	}
}

func TestFlagBeforeEnvironmentBeforeFileBeforeDefault(t *testing.T) {
	src := Sources{File: file(t, "data: a\nlisten: :1\nhttp:\n  timeout: 1s\nshop:\n  hold: 1h\n")}
	src.Environ = []string{"AGORA_LISTEN=:2", "AGORA_HTTP_TIMEOUT=2s", "PATH=/bin", "AGORAPHOBIA=1"}
	src.Flags = map[string]string{"http.timeout": "3s"}
	got := load(t, src)
	if got.Data != "a" || got.Listen != ":2" || got.HTTP.Timeout != 3*time.Second || got.Shop.Hold != time.Hour {
		t.Errorf("data %q, listen %q, timeout %v, hold %v; want a, :2, 3s, 1h", got.Data, got.Listen, got.HTTP.Timeout, got.Shop.Hold)
	}
	if got.Log.Level != "info" {
		t.Errorf("log.level = %q, want the default", got.Log.Level)
	}
}

func TestTheFileMayBeNamedByTheEnvironment(t *testing.T) {
	path := file(t, "data: there")
	if got := load(t, Sources{Environ: []string{"AGORA_CONFIG=" + path}}); got.Data != "there" {
		t.Errorf("data = %q, want there", got.Data)
	}
	other := file(t, "data: here")
	if got := load(t, Sources{File: other, Environ: []string{"AGORA_CONFIG=" + path}}); got.Data != "here" {
		t.Errorf("data = %q, want here: the flag wins", got.Data)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		yaml  string
		env   []string
		flags map[string]string
		want  []string
	}{
		"misspelled key":      {yaml: "http:\n  timeot: 5s", want: []string{":2: http.timeot is not a key", "nearest is http.timeout"}},
		"misspelled section":  {yaml: "htp: {timeout: 5s}", want: []string{":1: htp is not a key; the nearest is http"}},
		"misspelled variable": {env: []string{"AGORA_HTTP_TIMEOT=5s"}, want: []string{"AGORA_HTTP_TIMEOT is not a variable", "AGORA_HTTP_TIMEOUT"}},
		"unknown flag":        {flags: map[string]string{"lisen": ":1"}, want: []string{"lisen is not a key", "listen"}},
		"all at once": {
			yaml: "demo: perhaps\nlog: {level: loud}", env: []string{"AGORA_LISTEN=here"}, flags: map[string]string{"shop.hold": "soon"},
			want: []string{":1: demo has to be true or false", "log.level has to be one of debug", "AGORA_LISTEN has to be host:port", "--shop-hold has to be a duration"},
		},
		"unknown system":        {yaml: "systems: [shop, sheep]", want: []string{`systems names "sheep"; known here: shop, feed`}},
		"system twice":          {yaml: "systems: shop,shop", want: []string{"systems names shop more than once"}},
		"former key":            {yaml: "orders: sqlite:o.db", want: []string{":1: orders is called shop.orders now"}},
		"former variable":       {env: []string{"AGORA_USERS=sqlite:u.db"}, want: []string{"AGORA_USERS is called AGORA_ACCOUNTS_USERS now"}},
		"former flag":           {flags: map[string]string{"cdn": "none:"}, want: []string{"--cdn is called --shop-cdn now"}},
		"given twice":           {yaml: "demo: true\ndata: x\ndemo: false", want: []string{":3: demo is already set in line 1"}},
		"given with a dot too":  {yaml: "http: {timeout: 1s}\nhttp.timeout: 2s", want: []string{"http.timeout is already set"}},
		"value for a section":   {yaml: "http: 5", want: []string{"http is a section"}},
		"section for a value":   {yaml: "data: {a: b}", want: []string{"data has to be FOLDER"}},
		"list for a value":      {yaml: "data: [a, b]", want: []string{"data has to be FOLDER"}},
		"list of lists":         {yaml: "http: {trusted_proxies: [[10.0.0.0/8]]}", want: []string{"http.trusted_proxies has to be"}},
		"no value":              {yaml: "data:", want: []string{"data has to be FOLDER"}},
		"alias":                 {yaml: "data: &d x\nlisten: *d", want: []string{"listen has to be HOST:PORT"}},
		"not YAML":              {yaml: "data: [", want: []string{"read the configuration file"}},
		"not a mapping":         {yaml: "- data", want: []string{"not a list of keys and values"}},
		"two documents":         {yaml: "data: a\n---\ndemo: true", want: []string{"more than one YAML document"}},
		"size without unit":     {yaml: "http: {max_body: 100}", want: []string{"http.max_body has to be a size"}},
		"size that overflows":   {yaml: "http: {max_body: 9999999999GiB}", want: []string{"http.max_body has to be a size"}},
		"size of nothing":       {yaml: "http: {max_body: 0KiB}", want: []string{"http.max_body has to be a size"}},
		"duration of zero":      {yaml: "http: {timeout: 0s}", want: []string{"http.timeout has to be a duration above zero"}},
		"port out of range":     {yaml: "listen: :70000", want: []string{"listen has a port"}},
		"share above one":       {yaml: "tracing: {share: 1.5}", want: []string{"tracing.share has to be a number from 0 to 1"}},
		"share that is none":    {yaml: "tracing: {share: NaN}", want: []string{"tracing.share has to be a number from 0 to 1"}},
		"no request at all":     {yaml: "http: {max_concurrent: 0}", want: []string{"at least 1"}},
		"no network":            {yaml: "http: {trusted_proxies: [everyone]}", want: []string{"has to be networks"}},
		"unknown engine":        {yaml: "shop:\n  orders: mysql://u:hunter2@db/x", want: []string{`shop.orders has the scheme "mysql"; known here: sqlite, postgres`}},
		"engine without path":   {yaml: "shop:\n  orders: 'sqlite:'", want: []string{"shop.orders has to name a file after the scheme sqlite"}},
		"engine with host":      {yaml: "shop:\n  orders: sqlite://orders.db", want: []string{"shop.orders must not have // after the scheme sqlite"}},
		"server without host":   {yaml: "shop:\n  orders: postgres:/agora", want: []string{"shop.orders has to name a host after the scheme postgres"}},
		"password as parameter": {yaml: "shop:\n  orders: postgres://db/agora?user=u&password=hunter2", want: []string{"must have its password before the host"}},
		"memory with a path":    {yaml: "cache: memory:here", want: []string{"only parameters after the scheme memory"}},
		"cache without host":    {yaml: "cache: 'redis:x'", want: []string{"cache has to name a host after the scheme redis"}},
		"server of a file port": {yaml: "shop:\n  orders: redis://u:hunter2@h/0", want: []string{`shop.orders has the scheme "redis"; known here: sqlite`}},
		"server's parameter":    {yaml: "cache: redis://u:hunter2@h/0?size=1MiB", want: []string{`parameter "size"; known for redis: near`}},
		"unknown parameter":     {yaml: "shop: {gateway: 'simulated:?delay=1s'}", want: []string{`parameter "delay"; known for simulated: decline, latency, outage`}},
		"parameter twice":       {yaml: "shop: {gateway: 'simulated:?outage=0&outage=1'}", want: []string{"parameter outage more than once"}},
		"parameter wrong":       {yaml: "shop: {gateway: 'simulated:?decline=2'}", want: []string{"parameter decline that has to be a number from 0 to 1"}},
		"parameters unreadable": {yaml: "shop: {gateway: 'simulated:?%zz'}", want: []string{"parameters that cannot be parsed"}},
		"URL unreadable":        {yaml: "shop:\n  orders: 'mysql://u:hunter2@[::'", want: []string{"shop.orders has to be a URL"}},
		"collector by name":     {yaml: "tracing: {endpoint: 'u:hunter2@localhost:4318'}", want: []string{"tracing.endpoint has to be a URL"}},
	} {
		t.Run(name, func(t *testing.T) {
			src := Sources{Environ: tt.env, Flags: tt.flags}
			if tt.yaml != "" {
				src.File = file(t, tt.yaml)
			}
			_, err := testSchema.Load(src)
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("Load = %v, want an error of kind invalid", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q shows a password", err)
			}
		})
	}
	if _, err := testSchema.Load(Sources{File: filepath.Join(t.TempDir(), "none.yaml")}); !fault.Is(err, fault.Invalid) {
		t.Errorf("missing file: %v, want an error of kind invalid", err)
	}
}

func TestFilesThatSayNothingAreFine(t *testing.T) {
	for _, content := range []string{"", "# nothing", "---\n", "null", "http:\n  # timeout: 5s\n", "log: {}"} {
		if got := load(t, Sources{File: file(t, content)}); got.HTTP.Timeout != 10*time.Second {
			t.Errorf("%q: timeout = %v, want the default", content, got.HTTP.Timeout)
		}
	}
}

func TestWhatIsPrintedCanBeRead(t *testing.T) {
	src := Sources{Flags: maps.Clone(samples), Environ: []string{"AGORA_DATA=x"}}
	delete(src.Flags, "data")
	delete(src.Flags, "demo")
	want := load(t, src)
	var out bytes.Buffer
	if err := want.WriteYAML(&out); err != nil {
		t.Fatal(err)
	}
	got := load(t, Sources{File: file(t, out.String())})
	if !reflect.DeepEqual(got.Config, want.Config) {
		t.Errorf("read %+v, printed %+v", got.Config, want.Config)
	}
	for _, line := range []string{
		"data: x # environment AGORA_DATA\n", "demo: false # default\n", "\n  timeout: 5s # flag --http-timeout\n",
		"\n  trusted_proxies: [10.0.0.0/8, 'fd00::/8'] # flag --http-trusted-proxies\n",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("printed without %q:\n%s", line, out.String())
		}
	}
}

func TestPasswordsAreNotPrinted(t *testing.T) {
	s := load(t, Sources{Flags: map[string]string{
		"tracing.endpoint": "https://agora:hunter2@traces.example/v1?key=hunter2", "shop.gateway": "stripe:?api=https%3A%2F%2Fu%3Ahunter2%40pay.example%2F%3Fkey%3Dhunter2&method=pm_card_visa", "shop.orders": "postgres://agora:hunter2@db.example/shop?sslmode=verify-full",
		"cache": "redis://:hunter2@h:6379/0?near=1MiB",
	}})
	var out bytes.Buffer
	if err := s.WriteYAML(&out); err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{"https://agora:xxxxx@traces.example/v1?key=xxxxx", "method=pm_card_visa", "postgres://agora:xxxxx@db.example/shop?sslmode=verify-full"} {
		if strings.Contains(out.String(), "hunter2") || !strings.Contains(out.String(), shown) {
			t.Errorf("printed with the password, or without the rest of %s:\n%s", shown, out.String())
		}
	}
	if !strings.Contains(s.Tracing.Endpoint, "hunter2") || !strings.Contains(s.Engine("shop.orders").URL(), "hunter2") || s.Engine("cache").Address() != "redis://:hunter2@h:6379/0" {
		t.Error("the program itself did not get the password")
	}
}

func TestTokensOfWebURLsAreHidden(t *testing.T) {
	for given, want := range map[string]string{
		"https://hunter2@traces.example/v1":   "https://xxxxx@traces.example/v1",
		"https://hunter2:@traces.example/":    "https://xxxxx@traces.example/",
		"https://u:hunter2@traces.example/":   "https://u:xxxxx@traces.example/",
		"http://traces.example/?a=hunter2&b=": "http://traces.example/?a=xxxxx&b=xxxxx",
		"http://traces.example/":              "http://traces.example/",
		"":                                    "",
	} {
		if got := webURL.show(given); got != want {
			t.Errorf("%q is shown as %q, want %q", given, got, want)
		}
	}
}

func TestTypedValues(t *testing.T) {
	got := load(t, Sources{Flags: samples})
	if want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}; !reflect.DeepEqual(got.HTTP.TrustedProxies, want) {
		t.Errorf("trusted proxies = %v, want %v", got.HTTP.TrustedProxies, want)
	}
	for text, want := range map[string]int64{"512B": 512, "64KiB": 65536, "2MiB": 2 << 20, "3GiB": 3 << 30} {
		if n, err := parseSize(text); n != want || err != nil {
			t.Errorf("parseSize(%q) = %d, %v; want %d", text, n, err, want)
		}
	}
	if g := got.Engine("shop.gateway"); g.Scheme() != "simulated" || g.Duration("latency") != time.Second || g.Share("decline") != 0.02 || g.Share("none") != 0 {
		t.Errorf("gateway = %v", g)
	}
	if n := got.Engine("cache").Size("size"); n != 1<<30 {
		t.Errorf("cache size = %d, want 1 GiB", n)
	}
	if p := got.Engine("shop.orders").Path("data"); p != "/fast/o.db" {
		t.Errorf("absolute path = %q", p)
	}
	if p := got.Engine("events").Path("data"); p != filepath.Join("data", "e") {
		t.Errorf("relative path = %q", p)
	}
}

// FuzzConfigFile: no content makes the reader panic, and what it accepts is the same after it was printed
// and read again.
func FuzzConfigFile(f *testing.F) {
	for _, seed := range []string{
		"", "data: x", "http:\n  timeout: 5s\n  trusted_proxies: [10.0.0.0/8]", "data: &a [*a]", "<<: {data: x}",
		"shop: {orders: sqlite:/x?y=z}", "data: !!binary aGk=", "data: |\n  two\n  lines\n", "? [a]\n: b", "a: b\n---\nc: d",
		"data: \"#\"", "data: 'null'", "listen: \"[::1]:1\"", "http.timeout: 1s", "---\n...\n", "%YAML 1.1\n---\ndemo: yes",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		first := newLoader(testSchema)
		if first.yaml("a.yaml", content) != nil || first.wrong.Err() != nil {
			return
		}
		for _, k := range first.keys {
			if text := first.settings.given[k.Name].text; k.show(text) != text {
				return // a password is not printed
			}
		}
		var printed bytes.Buffer
		if err := first.settings.WriteYAML(&printed); err != nil {
			t.Fatalf("print what was accepted: %v", err)
		}
		if bytes.Contains(printed.Bytes(), []byte(":xxxxx@")) {
			return // a password is not printed
		}
		second := newLoader(testSchema)
		if err := second.yaml("b.yaml", printed.Bytes()); err != nil {
			t.Fatalf("read what was printed: %v\n%s", err, printed.Bytes())
		}
		if err := second.wrong.Err(); err != nil {
			t.Fatalf("accept what was printed: %v\n%s", err, printed.Bytes())
		}
		if !reflect.DeepEqual(first.settings.Config, second.settings.Config) {
			t.Fatalf("read %+v, printed %+v", second.settings.Config, first.settings.Config)
		}
	})
}

func TestASystemThatIsLeftOutDoesNotRun(t *testing.T) {
	for text, want := range map[string]map[string]bool{
		"shop,feed": {"shop": true, "feed": true}, "feed": {"shop": false, "feed": true}, "": {"shop": false, "feed": false},
	} {
		got := load(t, Sources{Flags: map[string]string{"systems": text}})
		for system, runs := range want {
			if got.Runs(system) != runs {
				t.Errorf("systems %q: %s runs: %t", text, system, !runs)
			}
		}
	}
}

func TestWhatBelongsToThisServerAlone(t *testing.T) {
	got := load(t, Sources{Flags: map[string]string{"shop.orders": "postgres://db/agora"}})
	for key, own := range map[string]bool{"shop.orders": false, "shop.catalog": true, "events": true, "cache": true, "shop.gateway": true} {
		if e := got.Engine(key); e.Own() != own {
			t.Errorf("%s in %s belongs to this server alone: %t", key, e, !own)
		}
	}
}
