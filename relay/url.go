package relay

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// A serverURL is a parsed URL of a Redis.
type serverURL struct {
	tls                            bool
	hosts                          []string // host:port; of Sentinels if there is a master
	master                         string   // the name Sentinels know it by; "": hosts[0] is the server
	user, password                 string
	sentinelUser, sentinelPassword string // of the Sentinels
	db                             int
}

// CheckURL returns what is wrong with a Redis URL, without the URL, which may hold a
// password. These are understood; rediss and rediss-sentinel are the same over TLS:
//
//	redis://user:password@host:6379/0
//	redis-sentinel://user:password@host:26379,host:26379/master?db=0&sentinel_user=u&sentinel_password=p
//
// User and password are those of the Redis itself; all but a host and the master's name
// can be left out. A URL without a user but with a password is redis://:password@host.
func CheckURL(text string) error {
	_, err := parseURL(text)
	return err
}

// parseURL takes the list of hosts apart by itself: a URL has one host only.
func parseURL(text string) (serverURL, error) {
	scheme, rest, _ := strings.Cut(text, "://")
	var s serverURL
	sentinel := false
	switch scheme {
	case "redis":
	case "rediss":
		s.tls = true
	case "redis-sentinel":
		sentinel = true
	case "rediss-sentinel":
		s.tls, sentinel = true, true
	default:
		return s, errors.New("it begins with redis://, rediss://, redis-sentinel:// or rediss-sentinel://")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority := rest[:end]
	hosts := authority[strings.LastIndexByte(authority, '@')+1:]
	u, err := url.Parse("redis://" + authority[:len(authority)-len(hosts)] + "host" + rest[end:])
	if err != nil {
		return s, errors.New("it cannot be read; write % and what follows it for special characters in a password")
	}
	s.user = u.User.Username()
	s.password, _ = u.User.Password()
	if err := s.setHosts(hosts, sentinel); err != nil {
		return s, err
	}
	return s, s.setRest(u, sentinel)
}

func (s *serverURL) setHosts(list string, sentinel bool) error {
	usual := "6379"
	if sentinel {
		usual = "26379"
	}
	for h := range strings.SplitSeq(list, ",") {
		if h == "" {
			return errors.New("a host is missing")
		}
		host, port, err := net.SplitHostPort(h)
		if err != nil {
			host, port = strings.Trim(h, "[]"), usual
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || host == "" || strings.ContainsFunc(host, notOfHosts) {
			return errors.New("a host is written host:port")
		}
		s.hosts = append(s.hosts, net.JoinHostPort(host, port))
	}
	if len(s.hosts) > 1 && !sentinel {
		return errors.New("several hosts are for redis-sentinel://")
	}
	if len(s.hosts) > maxSentinels {
		return fmt.Errorf("it has %d hosts, at most %d are read", len(s.hosts), maxSentinels)
	}
	return nil
}

// notOfHosts tells what no name and no address holds.
func notOfHosts(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`%<>"|^{}[]\\`, r) }

// setRest reads the path and the query.
func (s *serverURL) setRest(u *url.URL, sentinel bool) error {
	if u.Fragment != "" {
		return errors.New("# has no meaning in it; write %23 for one in a password")
	}
	db := strings.Trim(u.Path, "/")
	query := u.Query()
	if sentinel {
		if s.master = db; s.master == "" || strings.Contains(s.master, "/") {
			return errors.New("the path is the name of the master, as in redis-sentinel://host:26379/mymaster")
		}
		db = query.Get("db")
		s.sentinelUser, s.sentinelPassword = query.Get("sentinel_user"), query.Get("sentinel_password")
		query.Del("db")
		query.Del("sentinel_user")
		query.Del("sentinel_password")
	}
	for name := range query {
		return fmt.Errorf("there is no option %q", name)
	}
	if db == "" {
		return nil
	}
	var err error
	if s.db, err = strconv.Atoi(db); err != nil || s.db < 0 {
		return errors.New("the database is a number")
	}
	return nil
}

// newClient makes a client that does not wait and does not try again by itself: who calls
// knows whether a second try makes sense.
func newClient(text string) (*redis.Client, error) {
	s, err := parseURL(text)
	if err != nil {
		return nil, err
	}
	var secure *tls.Config
	if s.tls {
		secure = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if s.master != "" {
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: s.master, SentinelAddrs: s.hosts,
			SentinelUsername: s.sentinelUser, SentinelPassword: s.sentinelPassword,
			Username: s.user, Password: s.password, DB: s.db, TLSConfig: secure,
			ClientName: clientName, MaxRetries: -1, DialerRetries: 1,
			DialTimeout: opTimeout, ReadTimeout: opTimeout, WriteTimeout: opTimeout, PoolTimeout: opTimeout,
			ContextTimeoutEnabled: true, PoolSize: maxConnections, PipelinePoolSize: -1,
		}), nil
	}
	if secure != nil {
		secure.ServerName, _, _ = net.SplitHostPort(s.hosts[0])
	}
	return redis.NewClient(&redis.Options{
		Addr: s.hosts[0], Username: s.user, Password: s.password, DB: s.db, TLSConfig: secure,
		ClientName: clientName, MaxRetries: -1, DialerRetries: 1,
		DialTimeout: opTimeout, ReadTimeout: opTimeout, WriteTimeout: opTimeout, PoolTimeout: opTimeout,
		ContextTimeoutEnabled: true, PoolSize: maxConnections, PipelinePoolSize: -1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}), nil
}

// clientName is what CLIENT LIST shows.
const clientName = "whippet"
