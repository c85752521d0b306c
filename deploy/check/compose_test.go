package check

import (
	"path"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// loadCompose returns the project as Compose sees it.
func loadCompose(t *testing.T, env ...string) (*types.Project, error) {
	t.Helper()
	o, err := cli.NewProjectOptions([]string{"../compose/compose.yaml"}, cli.WithEnv(env), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	return o.LoadProject(t.Context())
}

// TestComposeWantsAnAddress: without one nobody could connect, and nothing would say so.
func TestComposeWantsAnAddress(t *testing.T) {
	if _, err := loadCompose(t); err == nil || !strings.Contains(err.Error(), "WHIPPET_ADDRESS") {
		t.Errorf("got %v", err)
	}
}

// TestCompose: nodes of the file that Compose reads become ready and share their Redis.
func TestCompose(t *testing.T) {
	project, err := loadCompose(t, "WHIPPET_ADDRESS=192.0.2.10")
	if err != nil {
		t.Fatal(err)
	}
	settings := readSettings(t)
	redis := startRedis(t, project.Services["redis"].Command...)
	at := newPlaces(map[string]string{"192.0.2.10": "127.0.0.1", "redis:6379": redis})
	var nodes []*node
	for _, name := range []string{"node-1", "node-2"} {
		s, ok := project.Services[name]
		if !ok {
			t.Fatalf("there is no %s", name)
		}
		env := map[string]string{}
		for k, v := range s.Environment {
			env[k] = *v
		}
		checkService(t, s, env)
		settings.check(t, name, s.Command, env)
		secrets := t.TempDir()
		for _, secret := range s.Secrets {
			write(t, path.Join(secrets, secret.Source), strings.Repeat(secret.Source[:1], 32))
		}
		at.add("/run/secrets", secrets).add("/data", t.TempDir()).add(name+":", "127.0.0.1:").add(","+name, "")
		nodes = append(nodes, &node{name: name, args: s.Command, env: env})
	}
	runCluster(t, redis, at, nodes)
}

// checkService compares what a node's settings say with what Compose does for it.
func checkService(t *testing.T, s types.ServiceConfig, env map[string]string) {
	t.Helper()
	port := strings.TrimPrefix(env["WHIPPET_HTTP"], ":")
	open := map[string]bool{}
	for _, p := range s.Ports {
		if p.HostIP == "" {
			open[p.Published+"/"+p.Protocol] = true
		}
		if p.Published == port && p.Target != atoi(t, port) {
			t.Errorf("%s: port %s leads to %d", s.Name, port, p.Target)
		}
	}
	if len(open) != 2 || !open[port+"/tcp"] || !open[port+"/udp"] {
		t.Errorf("%s: it listens on %s, others reach %v", s.Name, port, open)
	}
	if url := env["WHIPPET_NODE_URL"]; url != "http://"+s.Name+":"+port {
		t.Errorf("%s: the other node looks for it at %s", s.Name, url)
	}
	if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < drainTime(t, env["WHIPPET_DRAIN_TIME"])+endTime {
		t.Errorf("%s: it is killed after %v", s.Name, s.StopGracePeriod)
	}
	if s.Restart != types.RestartPolicyUnlessStopped || s.HealthCheck == nil || !s.ReadOnly || len(s.CapDrop) == 0 {
		t.Errorf("%s: restart %q, health check %v, read-only %v, dropped %v", s.Name, s.Restart, s.HealthCheck, s.ReadOnly, s.CapDrop)
	}
	for _, secret := range s.Secrets {
		if file := "/run/secrets/" + secret.Source; env["WHIPPET_"+strings.ToUpper(secret.Source)+"_SECRET_FILE"] != file {
			t.Errorf("%s: no setting reads %s", s.Name, file)
		}
	}
}
