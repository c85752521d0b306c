package tree

const (
	// MaxDepth is the greatest depth of a node: the origin has 0. A thousand nodes of two links
	// each come to 13 at most (TestNobodyIsLeftOut), of sixteen each to 4.
	MaxDepth = 16

	// MaxReferrals bounds the children a node names to one that asks it in vain.
	MaxReferrals = 64

	// MaxAtOnce is how many nodes are asked at once whether they have room.
	MaxAtOnce = 3

	// MaxAsked bounds the nodes that one descent asks.
	MaxAsked = 64

	// atLevel is how many nodes of one depth a descent asks before it goes deeper, less where
	// MaxAsked would not leave MaxAtOnce for each depth below.
	atLevel = 6

	// busy is the load from which on a node is a parent only where no other has room.
	busy = 0.8

	// DefaultLinks is how many links of one stream a node feeds unless it is told another
	// number.
	DefaultLinks = 16
)
