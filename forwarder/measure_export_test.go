package forwarder

// An Aimer sets the target of a down track by number, the worst of a ladder first.
type Aimer struct {
	d   DownTrack
	pub *Publisher
}

// NewAimer returns one whose publisher has so many encodings.
func NewAimer(rungs int) *Aimer {
	a := &Aimer{}
	a.Publish(rungs)
	return a
}

// Publish makes another publisher the source.
func (a *Aimer) Publish(rungs int) {
	a.pub = &Publisher{}
	var l ladder
	for range rungs {
		l = append(l, rung{enc: &Encoding{}, layer: topLayer})
	}
	a.pub.ladders.Store(&ladders{all: l, sensible: l})
}

// Drop takes the best away.
func (a *Aimer) Drop() {
	l := a.pub.ladders.Load().all
	l = l[:len(l)-1]
	a.pub.ladders.Store(&ladders{all: l, sensible: l})
}

// Select says that the player chose.
func (a *Aimer) Select(rid string) { a.d.selection.RID = rid }

// Aim sets the target and returns the causes counted so far.
func (a *Aimer) Aim(rung int) Switches {
	r := a.pub.ladders.Load().all[rung]
	a.d.aim(target{enc: r.enc, layer: r.layer}, a.pub)
	return a.d.counts.Switches
}
