package stream

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// set is a change that ignores what there is.
func set(to Settings) func(Settings, uint64) (Settings, error) {
	return func(Settings, uint64) (Settings, error) { return to, nil }
}

// TestSettingsOfAStream: they hold for subscribers there are and for those to come, for
// one stream only, until they are taken back.
func TestSettingsOfAStream(t *testing.T) {
	r := NewRegistry(Config{MaxSubscribers: 4, Caps: Caps{Stream: 8000}})
	defer r.Close()
	subscribe := func(name string) *Subscription {
		s, err := r.Subscribe(name, &nullSink{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a, other := subscribe("a"), subscribe("b")
	configure := func(to Settings) uint64 {
		_, version, err := r.Configure("a", set(to))
		if err != nil {
			t.Fatal(err)
		}
		return version
	}
	first := configure(Settings{MaxSubscribers: 2, MaxBitrate: 6000, MaxSessionBitrate: 5000})
	if a.cap() != 5000 || other.cap() != 8000 {
		t.Errorf("caps %d and %d", a.cap(), other.cap())
	}
	subscribe("a")
	if a.cap() != 3000 {
		t.Errorf("cap of two: %d", a.cap())
	}
	if _, err := r.Subscribe("a", &nullSink{}, nil); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	second := configure(Settings{MaxSubscribers: 9, MaxBitrate: 10_000}) // the node's are lower
	if a.cap() != 4000 || second == first || first == 0 {
		t.Errorf("cap %d, versions %d and %d", a.cap(), first, second)
	}
	subscribe("a")
	subscribe("a")
	if _, err := r.Subscribe("a", &nullSink{}, nil); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	if v := configure(Settings{}); v != 0 || a.cap() != 2000 || !a.capped() {
		t.Errorf("version %d, cap %d", v, a.cap())
	}
}

// TestSettingsComeBeforeTheStream and are lifted without a trace.
func TestSettingsComeBeforeTheStream(t *testing.T) {
	r := NewRegistry(Config{})
	defer r.Close()
	if _, _, err := r.Configure("a", set(Settings{MaxSessionBitrate: 700})); err != nil {
		t.Fatal(err)
	}
	if got, version := r.Settings("a"); got.MaxSessionBitrate != 700 || version != 1 {
		t.Errorf("%+v, %d", got, version)
	}
	a, err := r.Subscribe("a", &nullSink{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.cap() != 700 {
		t.Errorf("cap %d", a.cap())
	}
	if _, _, err := r.Configure("a", set(Settings{})); err != nil {
		t.Fatal(err)
	}
	if a.cap() != 0 || !a.capped() { // the core must be told that it is 0
		t.Errorf("cap %d", a.cap())
	}
}

// TestRefusedChange leaves everything as it is.
func TestRefusedChange(t *testing.T) {
	r := NewRegistry(Config{})
	defer r.Close()
	refusal := errors.New("no")
	_, _, err := r.Configure("a", func(Settings, uint64) (Settings, error) { return Settings{MaxBitrate: 1}, refusal })
	if _, version := r.Settings("a"); !errors.Is(err, refusal) || version != 0 {
		t.Error(err, version)
	}
}

func TestSettingsAreBounded(t *testing.T) {
	r := NewRegistry(Config{})
	defer r.Close()
	for i := range maxSettings {
		if _, _, err := r.Configure(fmt.Sprint(i), set(Settings{MaxBitrate: 1})); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := r.Configure("more", set(Settings{MaxBitrate: 1})); !errors.Is(err, ErrSettingsFull) {
		t.Error(err)
	}
	if _, _, err := r.Configure("1", set(Settings{MaxBitrate: 2})); err != nil {
		t.Error(err)
	}
	if _, _, err := r.Configure("1", set(Settings{})); err != nil {
		t.Error(err)
	}
	if _, _, err := r.Configure("more", set(Settings{MaxBitrate: 1})); err != nil {
		t.Error(err)
	}
}

func TestMeter(t *testing.T) {
	var m meter
	at := time.Unix(1, 0)
	for _, step := range []struct {
		after time.Duration
		bytes uint64
		want  int64
	}{
		{0, 5000, 0}, // what came before is not known
		{100 * time.Millisecond, 6000, 0},
		{900 * time.Millisecond, 15_000, 80_000},
		{400 * time.Millisecond, 99_000, 80_000}, // too soon
		{600 * time.Millisecond, 15_000 + 125_000, 1_000_000},
		{2 * time.Second, 15_000 + 125_000, 0},
	} {
		at = at.Add(step.after)
		if got := m.measure(at, step.bytes); got != step.want {
			t.Errorf("%v: %d, want %d", step, got, step.want)
		}
	}
}
