package nodetest

import (
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// frameRate is that of Video.
const frameRate = 30

// WantMedia lets time pass and fails the test unless all of it was shown and heard.
func (s *Subscriber) WantMedia(d time.Duration) {
	s.Host.world.t.Helper()
	before := s.Stats().Audio.Packets
	s.WantPictures(d)
	if got, want := int(s.Stats().Audio.Packets-before), int((d-slack)/soundFrame); got < want {
		s.Host.world.t.Errorf("%d packets of sound in %v, want %d", got, d, want)
	}
}

// slack is the time whose media may be under way.
const slack = 250 * time.Millisecond

// WantPictures is WantMedia for the video alone, since lost sound is not repaired:
// every picture decodable, no pause beyond half a second.
func (s *Subscriber) WantPictures(d time.Duration) {
	t := s.Host.world.t
	t.Helper()
	s.forget()
	before := s.Pictures()
	s.Host.world.Run(d)
	after := s.Pictures()
	least := int((d - slack) * frameRate / time.Second)
	if shown := after.Shown - before.Shown; shown < least {
		t.Errorf("%d pictures in %v, want %d", shown, d, least)
	}
	if broken := after.Broken - before.Broken; broken > 0 {
		t.Errorf("%d broken pictures", broken)
	}
	if p := s.Pause(codec.Video); p > maxPause {
		t.Errorf("a pause of %v in the video", p)
	}
}

const maxPause = 500 * time.Millisecond

// WantLive fails the test unless the picture shown last came soon after it was made.
func (s *Subscriber) WantLive(most time.Duration) {
	s.Host.world.t.Helper()
	if lag := s.Pictures().Lag; lag > most {
		s.Host.world.t.Errorf("the picture is %v late, want at most %v", lag, most)
	}
}

// WantMissing fails the test if more packets are missing for good.
func (s *Subscriber) WantMissing(kind codec.Kind, most int) {
	s.Host.world.t.Helper()
	if n := s.Missing(kind); n > most {
		s.Host.world.t.Errorf("%d packets of %v are missing, want at most %d", n, kind, most)
	}
}

// WantSync fails the test unless sender reports say when media was made, for sound and
// picture alike.
func (s *Subscriber) WantSync(most time.Duration) {
	t := s.Host.world.t
	t.Helper()
	sound, ok1 := s.Skew(codec.Audio)
	picture, ok2 := s.Skew(codec.Video)
	if !ok1 || !ok2 {
		t.Errorf("no sender reports: sound %v, picture %v", ok1, ok2)
		return
	}
	if d := (sound - picture).Abs(); d > most {
		t.Errorf("sound and picture are %v apart (%v, %v)", d, sound, picture)
	}
}
