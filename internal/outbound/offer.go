package outbound

import (
	"fmt"
	"slices"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/sdp"
)

// usualLevel is the level that offers name with H264: what every client writes whatever it sends,
// and what some servers compare. level-asymmetry-allowed says that it binds nobody.
const usualLevel = 0x1f

// opusType is the payload type of Opus in offers, as browsers have it.
const opusType = 111

// pushed offers a stream's formats of now, one for each kind, and those that say nearly the same:
// many servers know constrained baseline alone, which encoders write for any profile.
func pushed(formats []codec.Format, tracks func(codec.Kind) sdp.AnswerTrack) []sdp.Proposed {
	var all []sdp.Proposed
	for _, kind := range []codec.Kind{codec.Audio, codec.Video} {
		var offered []codec.Format
		for _, f := range formats {
			if f.Name.Kind() != kind {
				continue
			}
			offered = append(offered, f)
			if other := (codec.Format{Name: codec.H264, Profile: 0x42e0, Mode: f.Mode}); f.Name == codec.H264 && f != other {
				offered = append(offered, other)
			}
		}
		if len(offered) > 0 {
			s := section(kind, len(all), offered, false)
			s.Track = tracks(kind)
			all = append(all, s)
		}
	}
	return all
}

// pulled offers to receive everything that this node can carry on.
func pulled() []sdp.Proposed {
	avc := func(profile uint16, mode uint8) codec.Format {
		return codec.Format{Name: codec.H264, Profile: profile, Mode: mode}
	}
	sound := []codec.Format{{Name: codec.Opus}, {Name: codec.PCMU}, {Name: codec.PCMA}, {Name: codec.G722}}
	picture := []codec.Format{
		avc(0x42e0, 1), avc(0x4200, 1), avc(0x4d00, 1), avc(0x6400, 1), avc(0x640c, 1), avc(0x42e0, 0), avc(0x4200, 0),
		{Name: codec.VP8},
		{Name: codec.VP9},
		{Name: codec.VP9, Profile: 2},
		{Name: codec.AV1},
		{Name: codec.H265, Profile: 1},
	}
	return []sdp.Proposed{section(codec.Audio, 0, sound, true), section(codec.Video, 1, picture, true)}
}

// section offers formats of a kind.
func section(kind codec.Kind, index int, formats []codec.Format, receive bool) sdp.Proposed {
	s := sdp.Proposed{Kind: kind, MID: fmt.Sprint(index), Extensions: extensions(kind, receive)}
	next := uint8(96)
	take := func() uint8 {
		pt := next
		if next++; next == opusType {
			next++
		}
		return pt
	}
	for _, f := range formats {
		c := sdp.Codec{Format: f, Fmtp: parameters(f)}
		switch f.Name {
		case codec.Opus:
			c.PT, c.Channels = opusType, 2
		case codec.PCMU:
			c.PT = 0
		case codec.PCMA:
			c.PT = 8
		case codec.G722:
			c.PT = 9
		default:
			c.PT, c.RTX = take(), take()
		}
		s.Codecs = append(s.Codecs, c)
	}
	return s
}

// parameters writes a format as browsers do, but for Opus, whose line internal/sdp knows.
func parameters(f codec.Format) string {
	switch f.Name {
	case codec.H264:
		return fmt.Sprintf("level-asymmetry-allowed=1;packetization-mode=%d;profile-level-id=%04x%02x", f.Mode, f.Profile, usualLevel)
	case codec.H265:
		return fmt.Sprintf("level-id=93;profile-id=%d;tier-flag=0;tx-mode=SRST", f.Profile)
	case codec.VP9:
		return fmt.Sprintf("profile-id=%d", f.Profile)
	case codec.AV1:
		return fmt.Sprintf("level-idx=5;profile=%d;tier=0", f.Profile)
	}
	return ""
}

// extensions are what is offered for a kind; ids are the same in both sections.
func extensions(kind codec.Kind, receive bool) []sdp.Extension {
	all := []sdp.Extension{{ID: 2, Extension: codec.AbsCaptureTime}, {ID: 3, Extension: codec.TransportCC}}
	if receive {
		all = append(all, sdp.Extension{ID: 4, Extension: codec.MID})
	}
	if kind == codec.Audio {
		return slices.Insert(all, 0, sdp.Extension{ID: 1, Extension: codec.AudioLevel})
	}
	return append(all, sdp.Extension{ID: 5, Extension: codec.PlayoutDelay}, sdp.Extension{ID: 6, Extension: codec.VideoOrientation},
		sdp.Extension{ID: 8, Extension: codec.VideoContentType}, sdp.Extension{ID: 9, Extension: codec.DependencyDescriptor})
}
