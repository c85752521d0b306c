package nodetest_test

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/authz"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// A logbook is what a node logs. Its methods are safe for concurrent use.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const (
	tokenSecret = "0123456789abcdef0123456789abcdef"
	turnSecret  = "the-secret-of-the-turn-servers"
	publishKey  = "publish-key-of-the-studio"
	playKey     = "play-key-of-the-studio"
)

// secretive is a node with every kind of secret that writes all it can log.
func secretive(t *testing.T, log *logbook) []nodetest.Option {
	t.Helper()
	verifier, err := auth.NewVerifier(auth.Options{
		Audience: "whippet", Keys: []auth.Key{{Algorithm: auth.HS256, Secret: []byte(tokenSecret)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := auth.NewStreamKeys([]auth.StreamKey{
		{Stream: "studio", Action: auth.Publish, Key: []byte(publishKey)},
		{Stream: "studio", Action: auth.Subscribe, Key: []byte(playKey)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return []nodetest.Option{
		nodetest.Deps(func(d *node.Deps) { d.Verifier = authz.Any(keys, verifier) }),
		nodetest.Logs(node.NewLogs(log, config.Log{Level: slog.LevelDebug})),
		nodetest.Config(func(c *config.Config) {
			c.BareToken, c.QueryToken = true, true
			c.Open, c.ICEServers, c.TURNSecret = false, []string{"turn:turn.example"}, config.NewSecret(turnSecret)
		}),
	}
}

func mint(t *testing.T, action auth.Action, expires time.Duration) string {
	t.Helper()
	token, err := auth.Mint([]byte(tokenSecret), auth.Claims{
		Subject: "tester", Audience: []string{"whippet"}, Actions: []auth.Action{action},
		Streams: []string{"studio"}, Expires: time.Now().Add(expires),
	})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

var (
	password   = regexp.MustCompile(`a=ice-(?:pwd|ufrag):(\S+)`)
	credential = regexp.MustCompile(`(?:username|credential)="([^"]+)"`)
)

// secretsOf returns what must be told nobody about a session: the last part of its URL,
// both sides' ICE credentials, those for TURN.
func secretsOf(t *testing.T, s *client.Session) []string {
	t.Helper()
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	all := []string{path.Base(u.Path)}
	for _, text := range []string{s.Offer(), s.Answer(), s.PeerConnection().LocalDescription().SDP} {
		for _, m := range password.FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
	}
	for _, m := range credential.FindAllStringSubmatch(strings.Join(s.Header().Values("Link"), "\n"), -1) {
		all = append(all, m[1])
	}
	return all
}

// TestW134_NothingSecretIsLogged runs sessions from their POST over a restart to all
// kinds of ends, and requests that are refused, at the debug level.
func TestW134_NothingSecretIsLogged(t *testing.T) {
	var log logbook
	var hooked hooked
	run(t, func(t *testing.T, w *nodetest.World) {
		publish, play, expired := mint(t, auth.Publish, time.Minute), mint(t, auth.Subscribe, time.Minute), mint(t, auth.Publish, -time.Hour)
		pub := w.Publish("studio", func(o *client.PublishOptions) { o.Token, o.Trickle = publish, true })
		w.Run(time.Second)
		var subs []*nodetest.Subscriber
		for _, present := range []func(o *client.PlayOptions){
			func(o *client.PlayOptions) { o.Token = play },
			func(o *client.PlayOptions) { o.Token = play },
			func(o *client.PlayOptions) { o.Token = playKey },
			func(o *client.PlayOptions) { o.URL += "?access_token=" + play },
			func(o *client.PlayOptions) { o.URL += "?token=" + playKey },
		} {
			subs = append(subs, w.Subscribe("studio", present))
		}
		admin := mint(t, auth.Admin, time.Hour)
		secrets := []string{publish, play, expired, admin, publishKey, playKey, tokenSecret, turnSecret, hookSecret, hookPath, base64.StdEncoding.EncodeToString([]byte(hookSecret))}
		note := func() {
			secrets = append(secrets, secretsOf(t, pub.Session)...)
			for _, s := range subs {
				secrets = append(secrets, secretsOf(t, s.Session)...)
			}
		}
		note()
		for _, s := range []*client.Session{pub.Session, subs[0].Session} {
			if err := s.Restart(t.Context()); err != nil {
				t.Error(err)
			}
		}
		note()
		refused(w, subs[0].URL(), publish, play, expired)
		metrics := httptest.NewRecorder()
		w.Node.AdminHandler().ServeHTTP(metrics, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		shown := operated(t, w, admin)
		subs[0].Leave()
		subs[1].Kill()
		w.Run(2 * time.Minute) // the others end with their tokens
		wantSecret(t, secrets, "log", log.String())
		wantSecret(t, secrets, "metrics", metrics.Body.String())
		wantSecret(t, secrets, "API", shown)
		wantSecret(t, secrets, "webhooks", hooked.bodies.String())
	}, append(secretive(t, &log), hooks(&hooked)...)...)
	for _, event := range []string{"created", "restarted", "ended", "refused"} {
		if !strings.Contains(log.String(), event) {
			t.Errorf("%q is not in the log:\n%s", event, log.String())
		}
	}
}

// refused sends requests with secrets in all the wrong places.
func refused(w *nodetest.World, session, publish, play, expired string) {
	for _, q := range [][3]string{
		{"POST", "/whip/studio", expired},
		{"POST", "/whip/studio", play},
		{"POST", "/whip/studio?token=" + publish, ""},
		{"POST", "/whip/" + publish, publish},
		{"GET", "/whip/studio?access_token=" + expired, "x"},
		{"PUT", session, play},
		{"PATCH", session, play},
		{"PATCH", session, publish},
		{"GET", session + "/more", ""},
		{"GET", strings.Replace(session, "studio", "other", 1), ""},
		{"GET", "/nowhere/" + play, play},
		{"POST", "/whip/" + publishKey, "x"},
		{"POST", "/whep/" + playKey + "?token=" + playKey, ""},
		{"GET", "/api/v1/streams?token=" + publish, publishKey},
	} {
		w.Do(q[0], q[1], "a=ice-ufrag:x", "Authorization", "Bearer "+q[2], "Content-Type", "application/sdp")
	}
}

// operated asks the API for all it shows, and returns it.
func operated(t *testing.T, w *nodetest.World, admin string) string {
	t.Helper()
	var all strings.Builder
	ask := func(path string) string {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/"+path, nil)
		r.Header.Set("Authorization", "Bearer "+admin)
		answer := httptest.NewRecorder()
		w.Node.AdminHandler().ServeHTTP(answer, r)
		if answer.Code != http.StatusOK {
			t.Errorf("%s: %d %s", path, answer.Code, answer.Body)
		}
		all.WriteString(answer.Body.String())
		return answer.Body.String()
	}
	for _, path := range []string{"streams", "streams/studio", "streams/studio/diagnosis", "nodes", "settings", "log-levels", "revocations"} {
		ask(path)
	}
	for _, m := range regexp.MustCompile(`"id":"([^"]+)"`).FindAllStringSubmatch(ask("streams/studio/sessions"), -1) {
		ask("streams/studio/sessions/" + m[1])
		ask("streams/studio/sessions/" + m[1] + "/statistics")
	}
	return all.String()
}

func wantSecret(t *testing.T, secrets []string, where, text string) {
	t.Helper()
	if len(secrets) < 30 || text == "" {
		t.Errorf("%d secrets, %d bytes of %s", len(secrets), len(text), where)
	}
	for _, s := range secrets {
		if s == "" || strings.Contains(text, s) {
			t.Errorf("%q is in the %s", s, where)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}
