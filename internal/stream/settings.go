package stream

import "errors"

// ErrSettingsFull refuses settings of one more stream when the registry keeps as many as
// it may. A retry helps once others were taken back.
var ErrSettingsFull = errors.New("stream: too many streams have settings of their own")

// maxSettings bounds the streams with settings of their own: names are chosen by whoever
// sets them, live or not.
const maxSettings = 10_000

// Settings are what differs for one stream. A zero field is nothing of its own: that of
// Config holds. Where both are set the lower one counts.
type Settings struct {
	MaxSubscribers                int   // those who come; those there are stay
	MaxBitrate, MaxSessionBitrate int64 // as Caps.Stream and Caps.Session
}

// ownSettings are a name's settings and which change of the registry's made them.
type ownSettings struct {
	Settings
	version uint64
}

// Settings returns a name's own settings, whether there is a stream of it or not, and
// their version: another one after each change, 0 where there are none.
func (r *Registry) Settings(name string) (s Settings, version uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	own := r.settings[name]
	return own.Settings, own.version
}

// Configure changes a name's own settings to what change makes of them and their version,
// and returns what they are then. They hold at once, for subscribers there are too, and as
// long as the registry; the zero Settings take them back. An error of change leaves them
// alone and is returned, as is ErrSettingsFull. change is called with the registry
// locked: it must not use it.
func (r *Registry) Configure(name string, change func(Settings, uint64) (Settings, error)) (Settings, uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	own, known := r.settings[name]
	set, err := change(own.Settings, own.version)
	if err != nil {
		return own.Settings, own.version, err
	}
	if set == (Settings{}) {
		delete(r.settings, name)
		r.applyLocked(name, set)
		return set, 0, nil
	}
	if !known && len(r.settings) >= maxSettings {
		return own.Settings, own.version, ErrSettingsFull
	}
	r.changes++
	r.settings[name] = ownSettings{set, r.changes}
	r.applyLocked(name, set)
	return set, r.changes, nil
}

// applyLocked lets a stream there is have its settings.
func (r *Registry) applyLocked(name string, set Settings) {
	if s := r.streams[name]; s != nil {
		s.own.Store(&set)
		r.shareOutLocked(s)
	}
}

// set returns the stream's own settings.
func (s *stream) set() Settings {
	if own := s.own.Load(); own != nil {
		return *own
	}
	return Settings{}
}
