package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// healthTimeout is less than Docker's default for a health check, 30 s, so that the
// reason is seen.
const healthTimeout = 5 * time.Second

type healthCmd struct {
	Config string `name:"config" placeholder:"FILE" help:"YAML file with settings of the node."`
	Admin  string `name:"admin" default:"127.0.0.1:9090" placeholder:"ADDRESS" help:"The node's admin address, as it was given to serve."`
}

// Run asks /healthz.
func (c *healthCmd) Run(ctx context.Context, con *console) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(c.Admin)+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("--admin: %w", err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("no answer: %w; is a node running with --admin=%s?", err, c.Admin)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("not healthy: %s", answer.Status)
	}
	fmt.Fprintln(con.Out, "healthy")
	return nil
}

// reachable turns the address a node listens on into one that can be dialled here:
// all addresses are loopback too.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "", err == nil && ip.IsUnspecified() && ip.Is4():
		host = "127.0.0.1"
	case err == nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
