package relay_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/relay/relaytest"
)

// urlOfTLS in the environment has TestUseOverTLS use that Redis.
const urlOfTLS = "WHIPPET_TEST_REDIS_TLS"

// TestUseOverTLS is what TestRedisOverTLS runs in a process of its own: a program reads
// SSL_CERT_FILE once.
func TestUseOverTLS(t *testing.T) {
	url := os.Getenv(urlOfTLS)
	if url == "" {
		t.Skip("TestRedisOverTLS runs it")
	}
	c := &cluster{t: t}
	d := open(t, url, "")
	l, err := d.Claim(t.Context(), claim("a"))
	if err != nil {
		t.Fatal(err) // before anything waits
	}
	if h, err := d.Lookup(t.Context(), l.Stream); err != nil || h != l.Holder {
		t.Errorf("found %+v, %v", h, err)
	}
	changed, stop := d.Watch(l.Stream)
	defer stop()
	c.woken(changed, "the watch")
	c.release(d, l)
	c.woken(changed, "a release")
}

// TestRedisOverTLS: rediss:// works with a server whose certificate is for its name and of
// an authority that SSL_CERT_FILE names, and with no other.
func TestRedisOverTLS(t *testing.T) {
	t.Parallel()
	ours, others := relaytest.NewAuthority(t), relaytest.NewAuthority(t)
	url := func(scheme, host, name string, args ...string) string {
		_, port := ours.RedisTLS(name, args...)
		return fmt.Sprintf("%s://%s:%d", scheme, host, port)
	}
	good := url("rediss", "127.0.0.1", "127.0.0.1")
	for _, test := range []struct{ name, url, roots, want string }{
		{"its authority", good, ours.File(), ""},
		{"a name", url("rediss", "localhost", "localhost"), ours.File(), ""},
		{"another authority", good, others.File(), "unknown authority"},
		{"the system's authorities", good, "", "unknown authority"},
		{"another name", url("rediss", "127.0.0.1", "redis.example"), ours.File(), "cannot validate certificate for 127.0.0.1"},
		{"without TLS", strings.Replace(good, "rediss:", "redis:", 1), ours.File(), "the directory does not answer"},
		// In TLS 1.3 the client is done before the server says why not, and what it sends then may reset the connection first.
		{"it wants a certificate of ours", url("rediss", "127.0.0.1", "127.0.0.1", "--tls-auth-clients", "yes"), ours.File(), "the directory does not answer"},
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestUseOverTLS$", "-test.v")
		cmd.Env = append(os.Environ(), urlOfTLS+"="+test.url)
		if test.roots != "" {
			cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+test.roots)
		}
		out, err := cmd.CombinedOutput()
		switch {
		case test.want == "" && (err != nil || !strings.Contains(string(out), "--- PASS: TestUseOverTLS")):
			t.Errorf("%s: %v\n%s", test.name, err, out)
		case test.want != "" && (err == nil || !strings.Contains(string(out), test.want)):
			t.Errorf("%s: it works, or fails otherwise: %v\n%s", test.name, err, out)
		}
	}
}
