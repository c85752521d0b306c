package config_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/webhook"
)

type env map[string]string

func (e env) lookup(name string) (string, bool) { v, ok := e[name]; return v, ok }

// parse runs the whole way from arguments to Config.
func parse(t *testing.T, e env, args ...string) (config.Config, error) {
	t.Helper()
	var flags struct{ config.Flags }
	if _, err := config.Parse(&flags, args, e.lookup, kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {})); err != nil {
		return config.Config{}, err
	}
	return flags.Config()
}

func mustParse(t *testing.T, e env, args ...string) config.Config {
	t.Helper()
	c, err := parse(t, e, args...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", "/xdg")
	got := mustParse(t, nil)
	want := config.Config{
		HTTP: ":8080", Admin: "127.0.0.1:9090", PublicAPI: true, CORSOrigins: []string{"*"},
		Tokens: config.Tokens{Audience: "whippet", Data: "/xdg/whippet"}, MaxSessions: 10_000, MaxSubscribers: 10_000,
		ClientLimits: config.ClientLimits{MaxUnconnected: 1000, MaxRequestRate: 100, MaxFailureRate: 10},
		Webhooks:     config.Webhooks{Idle: time.Minute}, NodeID: hostname(t),
		Log: config.Log{Packages: map[string]slog.Level{}},
	}
	got.InForce = nil // see TestInForceListsAll
	if diff := cmp.Diff(want, got, cmp.Comparer(sameSecret)); diff != "" {
		t.Error(diff)
	}
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func sameSecret(a, b config.Secret) bool { return string(a.Bytes()) == string(b.Bytes()) }

func TestEverySettingArrives(t *testing.T) {
	got := mustParse(t, nil,
		"--http=[::1]:80", "--media=10.0.0.1:9000", "--admin=:9090", "--no-public-api",
		"--announce=203.0.113.7,[2001:db8::7]:9000", "--announce=live.example",
		"--public-url=https://live.example/media/", "--trusted-proxies=10.0.0.2,192.168.0.0/16",
		"--cors-origin=https://Player.example/,http://localhost:3000",
		"--tls-cert=c.pem", "--tls-key=k.pem", "--ice-server=stun:s.example:3478,turn:t.example?transport=udp",
		"--turn-secret=turn", "--auth=open", "--jwt-secret="+strings.Repeat("k", 32), "--jwt-audience=tv", "--data=/d",
		"--jwt-key=a.pem,https://a.example=b=c.pem", "--jwt-key==d=e.pem", "--jwt-issuer=me", "--jwt-type=x+jwt",
		"--jwks-url=https://b.example/?x=1", "--jwks-url=https://c.example=https://c.example/?x=http://y",
		"--conflict=takeover", "--absent=reject", "--max-sessions=7", "--max-subscribers=3",
		"--metrics-streams=50", "--trace-endpoint=http://127.0.0.1:4318", "--trace-share=0.25",
		"--redis=rediss://u:p@redis.example/1", "--redis-namespace=tv", "--node-id=a.1", "--node-url=http://10.0.0.7:80/",
		"--cluster-secret="+strings.Repeat("c", 32),
		"--max-bitrate=1.5G", "--max-stream-bitrate=80M", "--max-session-bitrate=2500k",
		"--max-unconnected=9", "--max-token-sessions=1", "--max-subject-sessions=2", "--max-address-sessions=3",
		"--max-request-rate=4", "--stream-key=cam-1:publish=0123456789abcdef,cam-1:play=fedcba9876543210", "--lenient=if-match,bearer,query",
		"--max-failure-rate=0", "--max-publish-bitrate=12M",
		"--webhook=https://a.example/x?k=v,subscriber+auth.refused@cam-*=http://b.example/", "--webhook-secret="+whsec("1")+" "+whsec("2")+","+whsec("3"),
		"--push=cam-*=https://far.example/whip/{stream}?a=b,one=http://b.example:81/x", "--push-token=t1,-",
		"--pull=in:always=http://127.0.0.1/whep/y", "--pull=too=https://c.example/z", "--pull-token-file="+write(t, "tokens", "t2\n"),
		"--webhook-idle=90s", "--log-level=warn,signaling=debug", "--log-format=json")
	want := config.Config{
		HTTP: "[::1]:80", Media: "10.0.0.1:9000", Admin: ":9090",
		Announce:  []config.Announce{{Host: "203.0.113.7"}, {Host: "2001:db8::7", Port: 9000}, {Host: "live.example"}},
		PublicURL: "https://live.example/media", CORSOrigins: []string{"https://player.example", "http://localhost:3000"},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/32"), netip.MustParsePrefix("192.168.0.0/16")},
		TLS:            config.TLS{Cert: "c.pem", Key: "k.pem"},
		ICEServers:     []string{"stun:s.example:3478", "turn:t.example?transport=udp"}, TURNSecret: config.NewSecret("turn"),
		Open: true,
		Tokens: config.Tokens{
			Secret: config.NewSecret(strings.Repeat("k", 32)), Audience: "tv", Data: "/d", Issuer: "me", Type: "x+jwt",
			KeyFiles: []config.KeySource{{Issuer: "me", Place: "a.pem"}, {Issuer: "https://a.example", Place: "b=c.pem"}, {Issuer: "me", Place: "d=e.pem"}},
			KeySets: []config.KeySource{
				{Issuer: "me", Place: "https://b.example/?x=1"}, {Issuer: "https://c.example", Place: "https://c.example/?x=http://y"},
			},
		},
		StreamKeys: []config.StreamKey{
			{Stream: "cam-1", Action: "publish", Key: config.NewSecret("0123456789abcdef")},
			{Stream: "cam-1", Action: "play", Key: config.NewSecret("fedcba9876543210")},
		},
		LenientIfMatch: true, BareToken: true, QueryToken: true,
		Takeover: true, RejectAbsent: true, MaxSessions: 7, MaxSubscribers: 3,
		MaxBitrate: 1_500_000_000, MaxStreamBitrate: 80_000_000, MaxSessionBitrate: 2_500_000,
		MetricsStreams: 50, Trace: config.Trace{Endpoint: "http://127.0.0.1:4318/v1/traces", Share: 0.25},
		Cluster: config.Cluster{
			Redis: config.NewSecret("rediss://u:p@redis.example/1"), Namespace: "tv",
			MaxLinks: 16, DrainTime: 10 * time.Second, NodeURL: "http://10.0.0.7:80", Secret: config.NewSecret(strings.Repeat("c", 32)),
		},
		ClientLimits: config.ClientLimits{
			MaxUnconnected: 9, MaxTokenSessions: 1, MaxSubjectSessions: 2, MaxAddressSessions: 3,
			MaxRequestRate: 4, MaxPublishBitrate: 12_000_000,
		},
		Webhooks: config.Webhooks{Idle: 90 * time.Second, Receivers: []config.Webhook{
			{Host: "a.example", URL: config.NewSecret("https://a.example/x?k=v"), Types: webhook.Usual(), Secrets: []config.Secret{raw("1"), raw("2")}},
			{
				Host: "b.example", Plain: true, URL: config.NewSecret("http://b.example/"), Types: []string{"subscriber.joined", "subscriber.left", "auth.refused"}, Streams: "cam-*",
				Secrets: []config.Secret{raw("3")},
			},
		}},
		Pushes: []config.Push{
			{Streams: "cam-*", URL: config.NewSecret("https://far.example/whip/{stream}?a=b"), Far: config.Far{Host: "far.example", Token: config.NewSecret("t1")}},
			{Streams: "one", URL: config.NewSecret("http://b.example:81/x"), Far: config.Far{Host: "b.example:81", Plain: true}},
		},
		Pulls: []config.Pull{
			{Stream: "in", Always: true, URL: config.NewSecret("http://127.0.0.1/whep/y"), Far: config.Far{Host: "127.0.0.1", Token: config.NewSecret("t2")}},
			{Stream: "too", URL: config.NewSecret("https://c.example/z"), Far: config.Far{Host: "c.example", Token: config.NewSecret("t2")}},
		},
		NodeID: "a.1",
		Log:    config.Log{Level: slog.LevelWarn, Packages: map[string]slog.Level{"signaling": slog.LevelDebug}, JSON: true},
	}
	got.InForce = nil
	opts := []cmp.Option{cmp.Comparer(sameSecret), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}
	if diff := cmp.Diff(want, got, opts...); diff != "" {
		t.Error(diff)
	}
}

// whsec is a secret of webhooks as it is written; raw is the same as a Secret.
func whsec(of string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(raw(of).Bytes())
}

func raw(of string) config.Secret { return config.NewSecret(strings.Repeat(of, 32)) }

func TestPlainWebhooks(t *testing.T) {
	c := mustParse(t, nil, "--webhook=http://a.example:80/x,http://localhost:1/,http://[::1]/,https://b.example/", "--webhook-secret-file="+write(t, "s", whsec("1")+"\n"))
	for i, w := range c.Webhooks.Receivers {
		if w.Plain != (i == 0) {
			t.Errorf("%+v", w)
		}
	}
}

// TestPrecedence: flag > environment > file > default, for a text, a number, a list
// and an enumeration.
func TestPrecedence(t *testing.T) {
	file := write(t, "w.yaml", "http: :1\nmax-sessions: 1\nannounce: [10.0.0.1, a.example]\nconflict: takeover\n")
	fromFile := []string{"--config=" + file}
	vars := env{"WHIPPET_HTTP": ":2", "WHIPPET_MAX_SESSIONS": "2", "WHIPPET_ANNOUNCE": "10.0.0.2", "WHIPPET_CONFLICT": "reject"}
	show := func(c config.Config) string {
		return fmt.Sprintf("%v %v %v %v", c.HTTP, c.MaxSessions, c.Announce, c.Takeover)
	}
	for _, test := range []struct {
		name string
		env  env
		args []string
		want string
	}{
		{"default", nil, nil, ":8080 10000 [] false"},
		{"file", nil, fromFile, ":1 1 [{10.0.0.1 0} {a.example 0}] true"},
		{"file named by the environment", env{"WHIPPET_CONFIG": file}, nil, ":1 1 [{10.0.0.1 0} {a.example 0}] true"},
		{"environment", vars, nil, ":2 2 [{10.0.0.2 0}] false"},
		{"environment over file", vars, fromFile, ":2 2 [{10.0.0.2 0}] false"},
		{"empty variables are none", env{"WHIPPET_HTTP": "", "WHIPPET_MAX_SESSIONS": ""}, fromFile, ":1 1 [{10.0.0.1 0} {a.example 0}] true"},
		{
			"flag over all", vars,
			append([]string{"--http=:3", "--max-sessions=3", "--announce=10.0.0.3", "--conflict=takeover"}, fromFile...),
			":3 3 [{10.0.0.3 0}] true",
		},
		{"flag with the default's value over all", vars, []string{"--http=:8080", "--max-sessions", "10000"}, ":8080 10000 [{10.0.0.2 0}] false"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := show(mustParse(t, test.env, test.args...)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestMistakesNameTheFlag: each error holds the flag, and the words that help.
func TestMistakesNameTheFlag(t *testing.T) {
	short := write(t, "short", strings.Repeat("s", 31)+"\n")
	empty := write(t, "empty", " \n")
	for _, test := range []struct {
		args string
		want []string
	}{
		{"--http=8080", []string{"--http", `"8080"`, ":port"}},
		{"--http=:99999", []string{"--http", "99999"}},
		{"--http=:http", []string{"--http", "number"}},
		{"--media=nowhere", []string{"--media", "host:port"}},
		{"--admin=:8080", []string{"--admin", "--http", "another port"}},
		{"--announce=http://x", []string{"--announce", "203.0.113.7"}},
		{"--announce=0.0.0.0", []string{"--announce"}},
		{"--announce=1.2.3.4:0", []string{"--announce"}},
		{"--announce=fe80::1%eth0", []string{"--announce"}},
		{"--announce=" + strings.Repeat("1.2.3.4,", 16) + "1.2.3.4", []string{"--announce", "at most 16"}},
		{"--public-url=live.example", []string{"--public-url", "https://live.example"}},
		{"--public-url=https://a.example/?x=1", []string{"--public-url", "query"}},
		{"--trusted-proxies=proxy", []string{"--trusted-proxies", "10.0.0.0/8"}},
		{"--cors-origin=player.example", []string{"--cors-origin", "https://player.example"}},
		{"--cors-origin=https://a.example/x", []string{"--cors-origin"}},
		{"--tls-cert=c.pem", []string{"--tls-key"}},
		{"--tls-key=k.pem", []string{"--tls-cert"}},
		{"--auth=none", []string{"--auth", "token", "open"}},
		{"--jwt-secret=short", []string{"--jwt-secret", "5 bytes", "openssl rand"}},
		{"--jwt-secret-file=" + short, []string{"--jwt-secret", "31 bytes"}},
		{"--jwt-secret-file=" + empty, []string{"--jwt-secret-file", "empty"}},
		{"--jwt-secret-file=/nowhere", []string{"--jwt-secret-file", "/nowhere"}},
		{"--jwt-secret-file=/dev/zero", []string{"--jwt-secret-file", "64 KiB"}},
		{"--jwt-secret=x --jwt-secret-file=y", []string{"--jwt-secret", "choose one"}},
		{"--jwt-audience=", []string{"--jwt-audience", "empty"}},
		{"--jwt-key=https://a.example=", []string{"--jwt-key", "names no place"}},
		{"--jwt-key=" + strings.Repeat("a,", 64) + "a", []string{"--jwt-key", "65 values"}},
		{"--conflict=fight", []string{"--conflict", "takeover"}},
		{"--absent=cry", []string{"--absent", "wait"}},
		{"--auth-url=login.example", []string{"--auth-url", "https://login.example"}},
		{"--auth-url=http://login.example/x", []string{"--auth-url", "https: only"}},
		{"--auth-url=https://u:p@login.example/x", []string{"--auth-url", "without user"}},
		{"--auth-url=http://auth:3000/x --auth=open", []string{"--auth-url", "--auth=open"}},
		{"--stream-key=cam-1=0123456789abcdef", []string{"--stream-key", "STREAM:publish=KEY"}},
		{"--stream-key=cam-1:publish=short", []string{"--stream-key", "cam-1", "openssl"}},
		{"--stream-key=cam-*:play=0123456789abcdef", []string{"--stream-key", "cam-*"}},
		{"--stream-key=cam-1:admin=0123456789abcdef", []string{"--stream-key", "admin"}},
		{"--stream-key=a:play=0123456789abcdef,a:publish=0123456789abcdef", []string{"--stream-key", "twice"}},
		{"--stream-key-file=/none", []string{"--stream-key-file", "/none"}},
		{"--max-sessions=0", []string{"--max-sessions", "from 1"}},
		{"--max-request-rate=-1", []string{"--max-request-rate", "from 0"}},
		{"--max-failure-rate=100001", []string{"--max-failure-rate", "to 100000"}},
		{"--max-unconnected=0", []string{"--max-unconnected", "from 1"}},
		{"--max-subscribers=0", []string{"--max-subscribers", "from 1"}},
		{"--max-bitrate=5", []string{"--max-bitrate", "from 50k"}},
		{"--max-bitrate=5T", []string{"--max-bitrate", "2500k"}},
		{"--max-bitrate=M", []string{"--max-bitrate", "2500k"}},
		{"--max-stream-bitrate=-1M", []string{"--max-stream-bitrate", "2500k"}},
		{"--max-session-bitrate=1e9k", []string{"--max-session-bitrate", "2500k"}},
		{"--max-sessions=many", []string{"--max-sessions"}},
		{"--metrics-streams=1001", []string{"--metrics-streams", "0 to 1000"}},
		{"--trace-endpoint=127.0.0.1:4318", []string{"--trace-endpoint", "/v1/traces"}},
		{"--trace-endpoint=http://me:secret@host/v1/traces", []string{"--trace-endpoint", "/v1/traces"}},
		{"--trace-share=1.5", []string{"--trace-share", "0 to 1"}},
		{"--trace-share=NaN", []string{"--trace-share", "0 to 1"}},
		{"--ice-server=stun.example", []string{"--ice-server", "stun:stun.example:3478"}},
		{"--ice-server=turn:t.example", []string{"--turn-secret"}},
		{"--turn-secret=x", []string{"--ice-server"}},
		{"--redis=localhost", []string{"--redis", "redis://"}},
		{"--push=cam", []string{"--push", "URL"}},
		{"--push=https://far.example/secret-path", []string{"--push", "pattern"}},
		{"--push=c/m=https://far.example/secret-path", []string{"--push", "pattern"}},
		{"--push=cam-*=https://far.example/secret-path", []string{"--push", "{stream}"}},
		{"--push=cam=https://u:p@far.example/secret-path", []string{"--push", "far.example", "--push-token"}},
		{"--push=cam=https://{stream}.example/secret-path", []string{"--push", "URL"}},
		{"--push=cam=ftp://far.example/secret-path", []string{"--push", "URL"}},
		{"--push-token=t", []string{"--push-token", "no --push"}},
		{"--push=a=https://a.example/ --push-token=t,u", []string{"--push-token", "2 tokens for 1"}},
		{"--push=a=https://a.example/ --push-token=" + strings.Repeat("t", 8193), []string{"--push-token", "too long"}},
		{"--push=a=https://a.example/ --push-token=tä", []string{"--push-token", "header"}},
		{"--push=" + strings.Repeat("a=https://a.example/,", 64) + "b=https://b.example/", []string{"--push", "64"}},
		{"--pull=" + strings.Repeat("a=https://a.example/,", 64) + "b=https://b.example/", []string{"--pull", "64"}},
		{"--pull=c*=https://far.example/secret-path", []string{"--pull", "stream name"}},
		{"--pull=cam:often=https://far.example/secret-path", []string{"--pull", "always"}},
		{"--pull=cam=https://a.example/,cam=https://b.example/", []string{"--pull", "twice"}},
		{"--redis=redis://a --drain-time=11m --cluster-secret=x", []string{"--drain-time", "10m"}},
		{"--redis=redis://a,b --cluster-secret=x", []string{"--redis", "sentinel"}},
		{"--redis=redis-sentinel://a", []string{"--redis", "master"}},
		{"--redis=redis://a/x", []string{"--redis", "number"}},
		{"--redis=redis://a?x=y", []string{"--redis", `"x"`}},
		{"--redis=redis://a", []string{"--cluster-secret", "openssl rand"}},
		{"--redis=redis://a", []string{"--jwt-secret", "--jwks-url"}},
		{"--redis=redis://a --cluster-secret=short", []string{"--cluster-secret", "5 bytes"}},
		{"--redis=redis://a --redis-namespace={x}", []string{"--redis-namespace", "letters"}},
		{"--redis=redis://a --node-id=a:b", []string{"--node-id", "letters"}},
		{"--redis=redis://a --node-url=10.0.0.7", []string{"--node-url", "http://10.0.0.7:8080"}},
		{"--redis=redis://a --tls-cert=c --tls-key=k", []string{"--node-url", "certificate"}},
		{"--webhook=app.example --webhook-secret=" + whsec("1"), []string{"--webhook", "no URL"}},
		{"--webhook=https://a.example/", []string{"--webhook-secret", "openssl rand"}},
		{"--webhook=https://a.example/ --webhook-secret=short", []string{"--webhook-secret", "whsec_"}},
		{"--webhook=https://a.example/ --webhook-secret=" + whsec("1") + "," + whsec("2"), []string{"--webhook-secret", "2 secrets for 1"}},
		{"--webhook=https://me:canary@a.example/ --webhook-secret=" + whsec("1"), []string{"--webhook", "a.example", "signature"}},
		{"--webhook=dance=https://a.example/ --webhook-secret=" + whsec("1"), []string{"--webhook", "dance", "subscriber"}},
		{"--webhook=@a/b=https://a.example/ --webhook-secret=" + whsec("1"), []string{"--webhook", "a/b", "cam-*"}},
		{"--webhook=" + strings.Repeat("https://a.example/,", 8) + "https://a.example/", []string{"--webhook", "9 values"}},
		{"--webhook-secret=" + whsec("1"), []string{"--webhook", "no --webhook"}},
		{"--webhook-idle=10ms", []string{"--webhook-idle", "1s"}},
		{"--webhook-idle=25h", []string{"--webhook-idle", "24h"}},
		{"--log-level=loud", []string{"--log-level", "debug, info, warn"}},
		{"--log-level=info,radio=debug", []string{"--log-level", "radio", "signaling"}},
		{"--log-format=xml", []string{"--log-format", "json"}},
		{"--config=/nowhere.yaml", []string{"--config", "/nowhere.yaml"}},
		{"--htpt=:1", []string{"--htpt", "--http"}},
	} {
		t.Run(test.args, func(t *testing.T) {
			_, err := parse(t, nil, strings.Fields(test.args)...)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, err := parse(t, nil, "--http=x", "--admin=y", "--max-sessions=0")
	if err == nil || len(strings.Split(err.Error(), "\n")) != 3 {
		t.Errorf("got %v, want three lines", err)
	}
}

func TestFileMistakesNameLineAndKey(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"http: :1\nhtpt: :2\n", `line 2: there is no setting "htpt"`},
		{"config: a.yaml\n", `there is no setting "config"`},
		{"http:\n  port: 1\n", "http: write a value or a list"},
		{"announce: [[a]]\n", "announce: a list holds plain values"},
		{"- http\n", "cannot unmarshal"},
		{"http: [\n", "did not find"},
		{"http: :1\nhttp: :2\n", "already defined"},
		{strings.Repeat("#", 65<<10), "larger than 64 KiB"},
	} {
		_, err := parse(t, nil, "--config="+write(t, "w.yaml", test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "--config") {
			t.Errorf("%.20q: got %v, want %s", test.text, err, test.want)
		}
	}
}

func TestFileKeepsScalarsAsWritten(t *testing.T) {
	c := mustParse(t, nil, "--config="+write(t, "w.yaml", "announce: [1.2.3.4, 0x1.example]\njwt-audience: 010\nmedia:\n"))
	if c.Audience != "010" || c.Announce[1].Host != "0x1.example" || c.Media != "" {
		t.Errorf("%+v", c)
	}
	if c := mustParse(t, nil, "--config="+write(t, "e.yaml", "")); c.HTTP != ":8080" {
		t.Errorf("an empty file changes %+v", c)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	key := strings.Repeat("k", 32)
	c := mustParse(t, env{"WHIPPET_TURN_SECRET_FILE": write(t, "turn", "t\n")},
		"--ice-server=turn:t.example", "--jwt-secret-file="+write(t, "jwt", key+"\n"))
	if string(c.Secret.Bytes()) != key || string(c.TURNSecret.Bytes()) != "t" {
		t.Errorf("%q %q", c.Secret.Bytes(), c.TURNSecret.Bytes())
	}
}

// TestNodeIDs: each node has a name of its own, also on one host.
func TestNodeIDs(t *testing.T) {
	args := []string{"--redis=redis://localhost", "--auth=open", "--cluster-secret=" + strings.Repeat("c", 32)}
	a, b := mustParse(t, nil, args...), mustParse(t, nil, args...)
	if a.NodeID == "" || a.NodeID == b.NodeID || a.Cluster.Namespace != "whippet" || a.Cluster.NodeURL != "" {
		t.Errorf("%+v, %+v", a, b)
	}
	if c := mustParse(t, nil, "--node-id=x", "--cluster-secret=short"); c.Cluster.On() || c.NodeID != "x" {
		t.Errorf("a node alone has %+v", c)
	}
}

// TestSecretsAreNeverShown: W134.
func TestSecretsAreNeverShown(t *testing.T) {
	const canary = "canary-canary-canary-canary-canary"
	c := mustParse(t, env{"WHIPPET_TURN_SECRET": canary}, "--ice-server=turn:t.example", "--jwt-secret="+canary,
		"--redis=redis://"+canary+"@h", "--cluster-secret="+canary,
		"--webhook=https://a.example/"+canary, "--webhook-secret=whsec_"+base64.StdEncoding.EncodeToString([]byte(canary)))
	var shown strings.Builder
	fmt.Fprintf(&shown, "%v %+v %#v %s %q %x", c, c, c, c.Secret, c.Secret, c.Secret)
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown.Write(text)
	slog.New(slog.NewJSONHandler(&shown, nil)).Info("x", "config", c, "secret", c.Secret)
	slog.New(slog.NewTextHandler(&shown, nil)).Info("x", "config", c, "secret", c.Secret)
	if s := shown.String(); strings.Contains(s, canary) || strings.Contains(s, fmt.Sprintf("%x", canary)) || strings.Contains(s, "Y2FuYXJ5") {
		t.Error(s)
	}
}

// TestMistakesDoNotShowSecrets: an error about a secret tells its length at most.
func TestMistakesDoNotShowSecrets(t *testing.T) {
	for _, args := range [][]string{
		{"--jwt-secret=canary"},
		{"--turn-secret=canary"},
		{"--jwt-secret=canary", "--jwt-secret-file=x"},
		{"--webhook=https:/canary", "--webhook-secret=canary"},
		{"--webhook=https://a.example:x/canary"},
		{"--webhook=https://me:canary@a.example"},
	} {
		if _, err := parse(t, nil, args...); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add("http: :1\nannounce: [a, b]\n")
	f.Add("a: &a [*a]\n")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := config.ParseFile([]byte(text))
		for name := range values {
			if err == nil && !config.Names()[name] {
				t.Errorf("%q is no setting", name)
			}
		}
	})
}
