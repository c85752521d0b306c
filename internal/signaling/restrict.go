package signaling

import (
	"slices"
	"strconv"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/sdp"
)

// restrict holds an offer against the limits of its token. A publisher that offers more is
// refused, since encoders do not cope with less than they offered (RFC 9725 §4.4.3); of a
// subscriber's offer what it may not have is silenced, unless that leaves nothing.
func restrict(k Kind, o *sdp.Offer, l auth.Limits) error {
	if err := restrictKinds(k, o, l.Kinds); err != nil {
		return err
	}
	if s := o.Section(codec.Video); k == WHIP && s != nil && l.Layers > 0 && encodings(s) > l.Layers {
		return beyondLimits("The token allows " + strconv.Itoa(l.Layers) + " encodings of the video. Offer fewer simulcast layers.")
	}
	return nil
}

// encodings returns how many the section may send at a time, as far as its offer tells.
func encodings(s *sdp.Section) int { return max(len(s.RIDs), 1) }

func restrictKinds(k Kind, o *sdp.Offer, kinds []string) error {
	if kinds == nil {
		return nil
	}
	left := 0
	for _, kind := range []codec.Kind{codec.Audio, codec.Video} {
		switch allowed := slices.Contains(kinds, kind.String()); {
		case o.Section(kind) == nil:
		case allowed:
			left++
		case k == WHIP:
			return beyondLimits("The token does not allow " + kind.String() + ". Offer none.")
		default:
			o.Silence(kind)
		}
	}
	if left == 0 {
		return beyondLimits("The token allows nothing of what is offered.")
	}
	return nil
}
