package nodetest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

const (
	// resumeBound is how long after the network can carry media again everybody has it:
	// a lease that must end first (3 s), a claim and a renewal (2 s), the longest pause
	// between two attempts to open a link (3 s), one that is silent, or does not connect, first
	// (5 s), a keyframe (2 s).
	resumeBound = 15 * time.Second

	// emptyBound is how long after everybody left, or died without a word, nothing is left:
	// 25 s of silence, and one linger for each level of the tree.
	emptyBound = 60 * time.Second

	// gapsPerFault bounds the numbers that no packet ever has for each thing that happened: an
	// unfinished frame, of each kind of media, shows as a gap.
	gapsPerFault = 4

	// packetRate is more than a publisher sends in a second: 30 frames of two packets, 50 of
	// sound; startPackets is more than a new subscriber is sent of the past.
	packetRate   = 130
	startPackets = 300
)

// A schedule is one cluster to which random things happen, from one seed.
type schedule struct {
	t       *testing.T
	c       *nodetest.Cluster
	rnd     *rand.Rand
	streams []string
	log     []string
	faults  int
	begun   time.Time
	async   sync.WaitGroup

	// mu guards the fields below: clients come from goroutines of their own.
	mu   sync.Mutex
	pubs []*pub
	subs []*sub

	killed map[uint64]bool // publications whose publisher may have died without a word
}

type pub struct {
	*nodetest.Publisher
	at     *nodetest.Member
	stream string
}

type sub struct {
	*nodetest.Subscriber
	at            *nodetest.Member
	stream        string
	faults        int // of the schedule when it came
	came          time.Time
	shown, missed int // pictures and packets at a point of time
}

// An event is one thing that may happen, as often as its weight says.
type event struct {
	name   string
	weight int
	happen func(*schedule)
}

var events = []event{
	{"publish", 8, (*schedule).publish},
	{"two publish", 2, func(s *schedule) { s.publish(); s.publish() }},
	{"publisher leaves", 3, (*schedule).unpublish},
	{"publisher dies", 2, (*schedule).killPublisher},
	{"subscribe", 8, (*schedule).subscribe},
	{"leave", 4, (*schedule).leave},
	{"kill", 2, (*schedule).kill},
	{"restart", 3, (*schedule).restart},
	{"part", 4, (*schedule).part},
	{"heal", 3, (*schedule).heal},
	{"directory away", 3, (*schedule).away},
	{"directory back", 3, (*schedule).back},
	{"directory emptied", 1, func(s *schedule) { s.note("directory emptied"); s.c.Directory.Forget() }},
	{"answers lost", 1, (*schedule).loseAnswers},
	{"skew", 1, (*schedule).skew},
	{"loss", 2, (*schedule).loss},
}

func (s *schedule) note(format string, args ...any) {
	s.faults++
	s.log = append(s.log, fmt.Sprintf("%8v ", time.Since(s.begun).Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

func (s *schedule) member() *nodetest.Member { return s.c.Nodes[s.rnd.IntN(len(s.c.Nodes))] }

// living returns a node that was not killed; nil if there is none.
func (s *schedule) living() *nodetest.Member {
	for range 4 * len(s.c.Nodes) {
		if m := s.member(); !m.Dead() {
			return m
		}
	}
	return nil
}

func (s *schedule) stream() string { return s.streams[s.rnd.IntN(len(s.streams))] }

func (s *schedule) publish() {
	m, stream := s.living(), s.stream()
	if m == nil {
		return
	}
	s.note("publish %s at %s", stream, m.ID)
	h := s.c.World.Host(nodetest.Link{})
	s.async.Go(func() { s.publishAt(h, m, stream) })
}

// publishAt tells whether a publisher was accepted.
func (s *schedule) publishAt(h *nodetest.Host, m *nodetest.Member, stream string) bool {
	p, err := h.TryPublish(stream, func(o *client.PublishOptions) { o.URL = m.URL + "/whip/" + stream })
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pubs = append(s.pubs, &pub{p, m, stream})
	return true
}

// take removes one that lives from a list, by chance.
func take[T any](s *schedule, all *[]T) (one T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(*all) == 0 {
		return one, false
	}
	i := s.rnd.IntN(len(*all))
	one = (*all)[i]
	*all = slices.Delete(*all, i, i+1)
	return one, true
}

// quit ends a session; where its node cannot hear it, it just goes.
func (s *schedule) quit(c interface{ Close(context.Context) error }) {
	s.async.Go(func() {
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		defer cancel()
		_ = c.Close(ctx)
	})
}

func (s *schedule) unpublish() {
	if p, ok := take(s, &s.pubs); ok {
		s.note("publisher of %s leaves %s", p.stream, p.at.ID)
		s.quit(p)
	}
}

func (s *schedule) killPublisher() {
	if p, ok := take(s, &s.pubs); ok {
		s.note("publisher of %s at %s dies", p.stream, p.at.ID)
		if info, ok := p.at.Streams().Lookup(p.stream); ok && !info.Relayed {
			s.mu.Lock()
			s.killed[info.Publication] = true
			s.mu.Unlock()
		}
		p.Kill()
	}
}

func (s *schedule) subscribe() {
	m, stream := s.living(), s.stream()
	s.mu.Lock()
	full := len(s.subs) >= 2*len(s.c.Nodes)
	s.mu.Unlock()
	if m == nil || full {
		return
	}
	s.note("subscribe to %s at %s", stream, m.ID)
	h, faults := s.c.World.Host(nodetest.Link{}), s.faults
	s.async.Go(func() {
		got, err := h.TrySubscribe(stream, m.At(stream))
		if err != nil {
			return // the node died, or knows nothing without the directory
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.subs = append(s.subs, &sub{Subscriber: got, at: m, stream: stream, faults: faults, came: time.Now()})
	})
}

func (s *schedule) leave() {
	if p, ok := take(s, &s.subs); ok {
		s.note("subscriber of %s leaves %s", p.stream, p.at.ID)
		s.quit(p)
	}
}

// kill kills a node, but not the last one.
func (s *schedule) kill() {
	m, alive := s.living(), 0
	for _, n := range s.c.Nodes {
		if !n.Dead() {
			alive++
		}
	}
	if alive > 1 {
		s.note("%s dies", m.ID)
		m.Kill()
	}
}

func (s *schedule) restart() {
	for _, m := range s.c.Nodes {
		if m.Dead() {
			s.note("%s starts again", m.ID)
			s.revive(m)
			return
		}
	}
}

// revive starts a dead node again. What was there before has no session any more.
func (s *schedule) revive(m *nodetest.Member) {
	m.Restart()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pubs = slices.DeleteFunc(s.pubs, func(p *pub) bool { return p.at == m && s.gone(p) })
	s.subs = slices.DeleteFunc(s.subs, func(p *sub) bool { return p.at == m && s.gone(p) })
}

// gone ends the client of a session that died with its node.
func (s *schedule) gone(c interface{ Close(context.Context) error }) bool { s.quit(c); return true }

func (s *schedule) part() {
	if a, b := s.member(), s.member(); a != b {
		s.note("%s and %s are parted", a.ID, b.ID)
		s.c.Part(a, b, true)
	}
}

func (s *schedule) heal() {
	s.note("nodes are not parted any more")
	for _, a := range s.c.Nodes {
		for _, b := range s.c.Nodes {
			s.c.Part(a, b, false)
		}
	}
}

func (s *schedule) away() {
	if m := s.living(); m != nil && s.rnd.IntN(2) == 0 {
		s.note("%s does not reach the directory", m.ID)
		m.Reach(false)
		return
	}
	s.note("nobody reaches the directory")
	for _, m := range s.c.Nodes {
		m.Reach(false)
	}
}

func (s *schedule) back() {
	s.note("the directory is back")
	for _, m := range s.c.Nodes {
		m.Reach(!m.Dead())
	}
}

func (s *schedule) loseAnswers() {
	m := s.member()
	s.note("a third of the directory's answers to %s is lost", m.ID)
	m.Lossy(0.3, s.rnd.Uint64())
}

// skew is at most what tokens between nodes bear.
func (s *schedule) skew() {
	m, by := s.member(), time.Duration(s.rnd.Int64N(int64(20*time.Second)))-10*time.Second
	s.note("%s is wrong about the time by %v", m.ID, by)
	m.Skew(by)
}

func (s *schedule) loss() {
	m, share := s.living(), 0.1*s.rnd.Float64()
	if m == nil {
		return
	}
	s.note("%s loses %.0f %%", m.ID, 100*share)
	m.Host.Set(nodetest.Link{Loss: share})
}

// calm heals everything.
func (s *schedule) calm() {
	s.async.Wait()
	s.note("all is well")
	for _, m := range s.c.Nodes {
		if m.Dead() {
			s.revive(m)
		}
		m.Reach(true)
		m.Lossy(0, 0)
		m.Skew(0)
		m.Host.Set(nodetest.Link{})
	}
	s.heal()
}

func (s *schedule) playing() []*sub {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.subs)
}

func (p *sub) missing() int { return p.Missing(codec.Video) + p.Missing(codec.Audio) }

// wantNumbers wants numbers to be continuous: they went on by as many as publishers can have
// sent, and a gap for each unfinished frame.
func (s *schedule) wantNumbers() {
	s.t.Helper()
	for _, p := range s.playing() {
		stats := p.Stats()
		spent := int(stats.Video.Packets+stats.Audio.Packets) + p.missing() //nolint:gosec // small
		most := int(time.Since(p.came).Seconds()*packetRate) + startPackets + gapsPerFault*(s.faults-p.faults)
		if spent > most {
			s.t.Errorf("%d numbers went to the subscriber of %s at %s, of them %d are missing; %d can have been sent", spent, p.stream, p.at.ID, p.missing(), most)
		}
	}
}
