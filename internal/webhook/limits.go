package webhook

import "time"

const (
	// maxQueued bounds the events that wait for one receiver, those under way included.
	// An event has some hundred bytes; at ten a second this is a receiver's restart.
	maxQueued = 1024

	// senders is how many events are under way to one receiver: a slow one holds no more
	// connections of ours.
	senders = 4

	// maxAttempts is how often an event is sent at most. With the delays below the last
	// attempt is some two minutes after the first.
	maxAttempts = 8

	// firstRetry and longestRetry bound the delay before an event is sent again; it
	// doubles each time, and the later half of it is random.
	firstRetry   = time.Second
	longestRetry = time.Minute

	// sendTimeout bounds one attempt, from the connection to the end of the answer.
	sendTimeout = 10 * time.Second

	// flushTimeout is what the last events get when the node closes; less than the ten
	// seconds that container engines wait.
	flushTimeout = 3 * time.Second

	// maxAnswerBytes is what is read and thrown away of an answer, so that its connection
	// can be used again.
	maxAnswerBytes = 4 << 10

	// maxAnswerHeader bounds the header of an answer.
	maxAnswerHeader = 16 << 10

	// MinSecretBytes and MaxSecretBytes bound the bytes of a secret, as Standard Webhooks
	// does.
	MinSecretBytes = 24
	MaxSecretBytes = 64
)
