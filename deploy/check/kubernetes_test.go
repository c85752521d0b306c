package check

import (
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// manifests are what kubectl apply -k would send.
type manifests struct {
	deployments map[string]*apps.Deployment
	services    map[string]*core.Service
	budgets     map[string]*policy.PodDisruptionBudget
}

// loadKubernetes builds the manifests and reads them as strictly as the server of a cluster
// does when it is asked to: no unknown field, none twice, each of its type.
func loadKubernetes(t *testing.T) manifests {
	t.Helper()
	all, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	m := manifests{map[string]*apps.Deployment{}, map[string]*core.Service{}, map[string]*policy.PodDisruptionBudget{}}
	for _, r := range all.Resources() {
		if r.GetNamespace() != "whippet" {
			t.Errorf("%s is in namespace %q", r.CurId(), r.GetNamespace())
		}
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		var object any
		switch kind := r.GetApiVersion() + " " + r.GetKind(); kind {
		case "apps/v1 Deployment":
			d := &apps.Deployment{}
			m.deployments[r.GetName()], object = d, d
		case "v1 Service":
			s := &core.Service{}
			m.services[r.GetName()], object = s, s
		case "policy/v1 PodDisruptionBudget":
			b := &policy.PodDisruptionBudget{}
			m.budgets[r.GetName()], object = b, b
		default:
			t.Fatalf("nobody looks at a %s", kind)
		}
		if err := yaml.UnmarshalStrict(text, object); err != nil {
			t.Fatalf("%s: %v", r.CurId(), err)
		}
	}
	return m
}

// TestKubernetesNames: whatever refers to something finds it.
func TestKubernetesNames(t *testing.T) {
	m := loadKubernetes(t)
	for name, d := range m.deployments {
		pod := d.Spec.Template
		if !matches(d.Spec.Selector.MatchLabels, pod.Labels) {
			t.Errorf("%s does not select its own pods", name)
		}
		for _, c := range pod.Spec.Containers {
			checkMounts(t, pod.Spec, c)
			checkProbes(t, c)
			checkRights(t, pod.Spec, c)
		}
		s := m.services[name]
		if s == nil || !matches(s.Spec.Selector, pod.Labels) {
			t.Fatalf("no service leads to %s", name)
		}
		for _, p := range s.Spec.Ports {
			if _, ok := port(pod.Spec.Containers[0], p.TargetPort.StrVal); !ok {
				t.Errorf("service %s leads to no port %q", name, p.TargetPort.StrVal)
			}
		}
	}
	nodes := m.deployments["whippet"]
	if b := m.budgets["whippet"]; b == nil || !matches(b.Spec.Selector.MatchLabels, nodes.Spec.Template.Labels) || b.Spec.MaxUnavailable.IntVal != 1 {
		t.Errorf("no budget for disruptions of the nodes: %+v", b)
	}
	rolling := nodes.Spec.Strategy.RollingUpdate
	if rolling.MaxSurge.IntVal != 0 || rolling.MaxUnavailable.IntVal != 1 { // the old pod has the machine's ports
		t.Errorf("%+v", rolling)
	}
	pod := nodes.Spec.Template.Spec
	grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second
	if !pod.HostNetwork || pod.DNSPolicy != core.DNSClusterFirstWithHostNet || grace < drainTime(t, pod.Containers[0].Args...)+endTime {
		t.Errorf("host network %v, DNS %s, %v to end", pod.HostNetwork, pod.DNSPolicy, grace)
	}
}

func matches(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return len(selector) > 0
}

func port(c core.Container, name string) (core.ContainerPort, bool) {
	for _, p := range c.Ports {
		if p.Name == name {
			return p, true
		}
	}
	return core.ContainerPort{}, false
}

func checkMounts(t *testing.T, pod core.PodSpec, c core.Container) {
	t.Helper()
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("%s: there is no volume %s", c.Name, m.Name)
		}
	}
}

func checkProbes(t *testing.T, c core.Container) {
	t.Helper()
	if c.ReadinessProbe == nil || c.LivenessProbe == nil {
		t.Fatalf("%s: a probe is missing", c.Name)
	}
	for _, p := range []*core.Probe{c.ReadinessProbe, c.LivenessProbe, c.StartupProbe} {
		if p == nil {
			continue
		}
		name := ""
		switch {
		case p.HTTPGet != nil:
			name = p.HTTPGet.Port.StrVal
		case p.TCPSocket != nil:
			name = p.TCPSocket.Port.StrVal
		}
		if _, ok := port(c, name); !ok {
			t.Errorf("%s: a probe of port %q", c.Name, name)
		}
	}
}

func checkRights(t *testing.T, pod core.PodSpec, c core.Container) {
	t.Helper()
	s := c.SecurityContext
	if !*pod.SecurityContext.RunAsNonRoot || *pod.AutomountServiceAccountToken || *s.AllowPrivilegeEscalation ||
		!*s.ReadOnlyRootFilesystem || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" {
		t.Errorf("%s may do more than it needs: %+v %+v", c.Name, pod.SecurityContext, s)
	}
}

// TestKubernetes: what the manifests start becomes ready by their probes, and shares the
// Redis of the manifests.
func TestKubernetes(t *testing.T) {
	m := loadKubernetes(t)
	secrets := map[string]string{"cluster": strings.Repeat("c", 32), "jwt": strings.Repeat("j", 32), "redis-password": "secret-of-redis"}
	settings := readSettings(t)
	store := m.deployments["whippet-redis"].Spec.Template.Spec.Containers[0]
	storePort := m.services["whippet-redis"].Spec.Ports[0].Port
	redis := startRedis(t, expandAll(store.Args, variables(t, store, "", "", secrets))...)
	at := newPlaces(map[string]string{"whippet-redis:" + itoa(int(storePort)): redis})

	pod := m.deployments["whippet"].Spec.Template.Spec
	c := pod.Containers[0]
	var nodes []*node
	for _, name := range []string{"whippet-a", "whippet-b"} {
		env := variables(t, c, name, "127.0.0.1", secrets)
		checkPorts(t, c, env)
		settings.check(t, name, c.Args, env)
		nodes = append(nodes, &node{
			name: name, args: expandAll(c.Args, env), env: env,
			ready: c.ReadinessProbe.HTTPGet.Path, alive: c.LivenessProbe.HTTPGet.Path, dir: mounted(t, pod, c, secrets),
		})
	}
	runCluster(t, redis, at, nodes)
}

// checkPorts compares the ports a node is told with those that Kubernetes keeps for it.
func checkPorts(t *testing.T, c core.Container, env map[string]string) {
	t.Helper()
	for name, variable := range map[string]string{"http": "WHIPPET_HTTP", "media": "WHIPPET_HTTP", "admin": "WHIPPET_ADMIN"} {
		p, _ := port(c, name)
		if !strings.HasSuffix(env[variable], ":"+itoa(int(p.ContainerPort))) {
			t.Errorf("port %s is %d, %s is %s", name, p.ContainerPort, variable, env[variable])
		}
	}
	if p, _ := port(c, "media"); p.Protocol != core.ProtocolUDP {
		t.Errorf("media comes by %s", p.Protocol)
	}
}

// variables returns the environment that Kubernetes gives a container.
func variables(t *testing.T, c core.Container, pod, host string, secrets map[string]string) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, e := range c.Env {
		v := expand(e.Value, env)
		if from := e.ValueFrom; from != nil && from.FieldRef != nil {
			field, ok := map[string]string{"status.hostIP": host, "metadata.name": pod}[from.FieldRef.FieldPath]
			if !ok {
				t.Fatalf("%s is of %s", e.Name, from.FieldRef.FieldPath)
			}
			v = field
		} else if from != nil {
			v = secrets[from.SecretKeyRef.Key]
		}
		if v == "" || strings.Contains(v, "$(") {
			t.Errorf("%s is %q", e.Name, v)
		}
		env[e.Name] = v
	}
	return env
}

var reference = regexp.MustCompile(`\$\((\w+)\)`)

// expand puts variables that are known into a text, as Kubernetes does: those written before.
func expand(text string, env map[string]string) string {
	return reference.ReplaceAllStringFunc(text, func(r string) string {
		if v, ok := env[reference.FindStringSubmatch(r)[1]]; ok {
			return v
		}
		return r
	})
}

func expandAll(texts []string, env map[string]string) []string {
	var all []string
	for _, s := range texts {
		all = append(all, expand(s, env))
	}
	return all
}

// mounted makes a folder for each volume of a container, and returns them by their paths.
func mounted(t *testing.T, pod core.PodSpec, c core.Container, secrets map[string]string) map[string]string {
	t.Helper()
	dirs := map[string]string{}
	for _, m := range c.VolumeMounts {
		dirs[m.MountPath] = t.TempDir()
	}
	for _, v := range pod.Volumes {
		if v.Secret == nil {
			continue
		}
		for _, m := range c.VolumeMounts {
			for _, item := range v.Secret.Items {
				if m.Name == v.Name {
					write(t, path.Join(dirs[m.MountPath], item.Path), secrets[item.Key])
				}
			}
		}
	}
	return dirs
}
