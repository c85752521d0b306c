package signalingtest

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
)

// options are those of a client on a host of its own.
func (n *Node) options(t testing.TB, path string) client.Options {
	t.Helper()
	host, _ := n.Network.Host(t)
	return client.Options{URL: "http://node.example" + path, HTTP: n.Client(), Net: host}
}

// Publish publishes synthetic video with a keyframe every second, and wants it
// connected. The publisher leaves with the test.
func (n *Node) Publish(t testing.TB, stream string, change ...func(*client.PublishOptions)) *client.Publisher {
	t.Helper()
	p, err := n.TryPublish(t, stream, change...)
	if err != nil {
		t.Fatal(err)
	}
	connect(t, p)
	return p
}

// TryPublish begins to publish. The result may be connected later, or never.
func (n *Node) TryPublish(t testing.TB, stream string, change ...func(*client.PublishOptions)) (*client.Publisher, error) {
	t.Helper()
	o := client.PublishOptions{
		Options: n.options(t, "/whip/"+stream),
		Video:   []client.Encoding{{Source: Video(t, codec.VP8)}},
	}
	for _, f := range change {
		f(&o)
	}
	p, err := client.Publish(t.Context(), o)
	if err == nil {
		leave(t, p)
	}
	return p, err
}

// Video makes a video source with a keyframe every second.
func Video(t testing.TB, name codec.Name) client.Source {
	t.Helper()
	s, err := client.NewSynthetic(client.SyntheticOptions{Codec: name, KeyframeInterval: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Play plays a stream and wants the player connected. It leaves with the test.
func (n *Node) Play(t testing.TB, stream string, change ...func(*client.PlayOptions)) *client.Player {
	t.Helper()
	p, err := n.TryPlay(t, stream, change...)
	if err != nil {
		t.Fatal(err)
	}
	connect(t, p)
	return p
}

// TryPlay begins to play. The result may be connected later, or never.
func (n *Node) TryPlay(t testing.TB, stream string, change ...func(*client.PlayOptions)) (*client.Player, error) {
	t.Helper()
	o := client.PlayOptions{Options: n.options(t, "/whep/"+stream)}
	for _, f := range change {
		f(&o)
	}
	p, err := client.Play(t.Context(), o)
	if err == nil {
		leave(t, p)
	}
	return p, err
}

func connect(t testing.TB, s interface{ WaitConnected(context.Context) error }) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.WaitConnected(ctx); err != nil {
		t.Fatal(err)
	}
}

// leave ends a client with the test. The node may have gone away from it by then.
func leave(t testing.TB, s interface{ Close(context.Context) error }) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Close(ctx)
	})
}

// Frames returns how many more whole video frames the player gets in so much time.
func Frames(p *client.Player, during time.Duration) int64 {
	before := p.Stats().Video.Frames
	time.Sleep(during)
	return p.Stats().Video.Frames - before
}

// WantPlaying fails the test unless the player gets at least 20 of a second's 30 frames.
func WantPlaying(t testing.TB, p *client.Player) {
	t.Helper()
	if n := Frames(p, time.Second); n < 20 {
		t.Fatalf("%d frames in a second", n)
	}
}

// PathOf returns the path of a session's URL.
func PathOf(t testing.TB, location string) string {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	return u.Path
}

// Gone returns how long it takes until the session's URL is 404, at most limit.
func (x *Target) Gone(t testing.TB, path string, limit time.Duration) time.Duration {
	t.Helper()
	start := time.Now()
	for x.Do(t, Request{Method: http.MethodGet, Path: path}).Status != http.StatusNotFound {
		if time.Since(start) > limit {
			t.Fatalf("the session is there after %v", limit)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return time.Since(start)
}
