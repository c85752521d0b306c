package relay

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// HolderPath is where a node answers questions of others about its publishers.
const HolderPath = "/cluster/v1/holder"

// What the parts of a question are called, and what they are signed for.
const (
	askPurpose    = "holder question"
	answerPurpose = "holder answer"
	ownerPurpose  = "owner"
	answerHeader  = "Whippet-Signature"
	tokenScheme   = "Whippet "
)

// An Asker asks other nodes over HTTP. Questions and answers are signed with the cluster's
// secret: over plain HTTP nobody can have a live publisher replaced.
type Asker struct {
	Secret Secret
	Now    func() time.Time // the cluster's clock, see [Directory.Now]
	Client *http.Client     // nil: http.DefaultClient
}

// Ask is for [KeeperConfig.Ask].
func (a Asker) Ask(ctx context.Context, h Holder, stream, owner string) (Answer, error) {
	if owner != "" {
		owner = a.Secret.Digest(ownerPurpose, owner)
	}
	nonce := rand.Text()
	query := url.Values{"stream": {stream}, "owner": {owner}, "nonce": {nonce}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+HolderPath+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return Answer{}, err
	}
	token := a.Secret.Sign(a.Now(), askPurpose, h.URL, stream, owner, nonce)
	request.Header.Set("Authorization", tokenScheme+token)
	client := a.Client
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	return a.read(response, token)
}

// read takes an answer only if it is signed, and for this question.
func (a Asker) read(r *http.Response, token string) (Answer, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswerBytes))
	if err != nil {
		return Answer{}, err
	}
	if r.StatusCode != http.StatusOK {
		return Answer{}, fmt.Errorf("status %d", r.StatusCode)
	}
	if r.Header.Get(answerHeader) != a.Secret.Digest(answerPurpose, token, string(body)) {
		return Answer{}, errors.New("the answer is not signed by a node of this cluster")
	}
	var answer Answer
	return answer, json.Unmarshal(body, &answer)
}

// A HolderHandler answers the questions of an Asker.
type HolderHandler struct {
	Secret Secret
	Now    func() time.Time
	URL    string // of this node, as others know it: questions for another one are refused

	// Publisher returns whether a publisher of the stream is there and alive, and who owns
	// it; "" if nobody knows.
	Publisher func(stream string) (owner string, alive bool)
}

// ServeHTTP answers one question.
func (h HolderHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	stream, asking := query.Get("stream"), query.Get("owner")
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), tokenScheme)
	if !ok || h.Secret.Check(token, h.Now(), askPurpose, h.URL, stream, asking, query.Get("nonce")) != nil {
		http.Error(w, "only nodes of the cluster may ask", http.StatusForbidden)
		return
	}
	owner, alive := h.Publisher(stream)
	body, err := json.Marshal(Answer{
		Alive: alive, SameOwner: owner != "" && asking == h.Secret.Digest(ownerPurpose, owner),
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set(answerHeader, h.Secret.Digest(answerPurpose, token, string(body)))
	_, _ = w.Write(body)
}
