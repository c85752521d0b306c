package relay

const (
	// loaded is the load from which on a node sends new sessions elsewhere.
	loaded = 0.9

	// roomy is the load below which another node gets them. What lies between keeps nodes
	// from sending a client to and fro.
	roomy = 0.7

	// calm is the load below which the node that has a stream gets everybody who wants it: all
	// nodes send there until they know what has become of its load, some seconds.
	calm = 0.5

	// alike is the difference in load that counts as none: all nodes would else send
	// everybody to the same one.
	alike = 0.1
)

// Keeps tells whether a node of a load, 0 to 1, should keep a session that it could send
// elsewhere. origin: it has the stream's publisher, whom a subscriber costs least there; such a node
// sends sessions away once it is full.
func Keeps(load float64, origin bool) bool { return load < loaded || origin && load < 1 }

// Place returns the node that should have a session instead of the one called self; nil:
// there is none. The best is holder, the one that has the stream ("": none is known), while it has room for many, then
// any of the least loaded, as pick says. Where self is going, any node will do that is not full.
// The result points into nodes. It does no I/O.
func Place(self, holder string, going bool, nodes []NodeInfo, pick uint32) *NodeInfo {
	most := roomy
	if going {
		most = 1
	}
	var fit []*NodeInfo
	least := most
	for i := range nodes {
		n := &nodes[i]
		if n.ID == self || n.Draining || n.PublicURL == "" || n.Load >= most {
			continue
		}
		if n.ID == holder && n.Load < calm {
			return n
		}
		fit = append(fit, n)
		least = min(least, n.Load)
	}
	var near []*NodeInfo
	for _, n := range fit {
		if n.Load <= least+alike {
			near = append(near, n)
		}
	}
	if len(near) == 0 {
		return nil
	}
	return near[pick%uint32(len(near))] //nolint:gosec // a cluster has fewer
}
