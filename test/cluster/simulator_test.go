// SPDX-License-Identifier: Apache-2.0

//go:build cluster

package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/process"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	simulatorName = "pam-simulator"
	certificates  = "/certificates"
	account       = "pam-operator"
	// password and apiKey open nothing but the simulator of this test.
	password = "password of the cluster test"
	apiKey   = "key of the cluster test"
	// commitDelay is how long a commit takes unless a scenario needs more.
	commitDelay = "1s"
	spsPort     = 8443
	npsPort     = 6500
)

// simulator is the test's access to the control API of the appliances, and what they wrote for their clients.
type simulator struct {
	control              string
	ca, certificate, key string
}

// startSimulator runs both appliances in one pod behind a Service, and creates connections to them in a namespace.
func (c *cluster) startSimulator(ctx context.Context, connections string) error {
	if err := c.apply(ctx, simulatorDeployment(c.image), simulatorService()); err != nil {
		return err
	}
	if err := c.rolledOut(ctx, applianceNamespace, simulatorName); err != nil {
		return err
	}
	if err := c.readCertificates(ctx); err != nil {
		return err
	}
	if err := c.applyConnections(ctx, connections); err != nil {
		return err
	}
	address, forward, err := c.forwardTo(ctx, applianceNamespace, simulatorName, 8090)
	c.forward, c.simulator.control = forward, "http://"+address
	return err
}

func simulatorDeployment(image string) *appsv1.Deployment {
	labels := map[string]string{"app": simulatorName}
	meta := metav1.ObjectMeta{Namespace: applianceNamespace, Name: simulatorName}
	d := &appsv1.Deployment{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: meta}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	d.Spec.Template.Labels = labels
	d.Spec.Template.Spec = restricted(corev1.Container{
		Name: simulatorName, Image: image, Command: []string{"/pam-simulator"},
		Args: []string{
			fmt.Sprintf("--sps-address=:%d", spsPort), fmt.Sprintf("--nps-address=:%d", npsPort), "--dir=" + certificates,
			"--server-names=" + simulatorHost(), "--sps-user=" + account, "--sps-password=" + password,
			"--nps-application=" + account, "--nps-api-key=" + apiKey, "--write-delay=20ms", "--commit-delay=" + commitDelay,
		},
		VolumeMounts: []corev1.VolumeMount{{Name: "certificates", MountPath: certificates}},
		ReadinessProbe: &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(npsPort)}},
			PeriodSeconds: 1,
		},
	})
	d.Spec.Template.Spec.Volumes = []corev1.Volume{
		{Name: "certificates", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
	}
	return d
}

// restricted is a pod with one container and no privileges.
func restricted(container corev1.Container) corev1.PodSpec {
	container.ImagePullPolicy = corev1.PullIfNotPresent
	container.SecurityContext = &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
	return corev1.PodSpec{
		AutomountServiceAccountToken: new(false),
		Containers:                   []corev1.Container{container},
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: new(true), RunAsUser: new(nonroot), RunAsGroup: new(nonroot), FSGroup: new(nonroot),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}
}

func simulatorService() *corev1.Service {
	service := &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: applianceNamespace, Name: simulatorName},
	}
	service.Spec.Selector = map[string]string{"app": simulatorName}
	service.Spec.Ports = []corev1.ServicePort{{Name: "sps", Port: spsPort}, {Name: "nps", Port: npsPort}}
	return service
}

func simulatorHost() string { return simulatorName + "." + applianceNamespace + ".svc" }

func simulatorURL(port int) string { return fmt.Sprintf("https://%s:%d", simulatorHost(), port) }

// readCertificates reads what the simulator wrote for its clients.
func (c *cluster) readCertificates(ctx context.Context) error {
	out, err := c.run(ctx, "", "exec", "-n", applianceNamespace, "deployment/"+simulatorName, "--",
		"/consumer", certificates, "ca.crt", "client.crt", "client.key")
	if err != nil {
		return err
	}
	var written map[string]struct{ Content string }
	if err := json.Unmarshal([]byte(out), &written); err != nil {
		return err
	}
	c.simulator.ca = written["ca.crt"].Content
	c.simulator.certificate, c.simulator.key = written["client.crt"].Content, written["client.key"].Content
	return nil
}

// caConfigMap has the certificate of the CA that issued those of the appliances.
func (c *cluster) caConfigMap(namespace string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ca"},
		Data:       map[string]string{"ca.crt": c.simulator.ca},
	}
}

// applyConnections creates both connections with their credentials in a namespace.
func (c *cluster) applyConnections(ctx context.Context, namespace string) error {
	in := builder.InNamespace(namespace)
	pair := map[string]string{"tls.crt": c.simulator.certificate, "tls.key": c.simulator.key}
	return c.apply(ctx, c.caConfigMap(namespace),
		builder.Secret(builder.SPSCredentials, map[string]string{"username": account, "password": password}, in),
		builder.Secret(builder.NPSCredentials, map[string]string{"login": account, "apiKey": apiKey}, in),
		builder.Secret(builder.NPSClientCertificate, pair, in),
		builder.SPSConnection(builder.DefaultSPSConnection, in, builder.TrustedCA("ca"),
			builder.URL(simulatorURL(spsPort))),
		builder.NPSConnection(builder.DefaultNPSConnection, in, builder.TrustedCA("ca"),
			builder.URL(simulatorURL(npsPort)),
			builder.AllowNamespaces(pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromAll}),
			builder.Grants(pamv1alpha1.Grant{Namespaces: []string{paymentsNamespace, teamNamespace}})),
	)
}

// forwarding is what kubectl prints once the control API, which is only on the pod's loopback, can be reached.
var forwarding = regexp.MustCompile(`Forwarding from (127\.0\.0\.1:\d+) -> `)

// forwardOutput waits for that line.
type forwardOutput struct {
	mu      sync.Mutex
	printed []byte
	address chan string
}

func (f *forwardOutput) Write(text []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.printed = append(f.printed, text...)
	if found := forwarding.FindSubmatch(f.printed); found != nil {
		select {
		case f.address <- string(found[1]):
		default: // reported before
		}
	}
	return len(text), nil
}

// forwardTo forwards a free port of this machine to one of a Deployment's pods, until the process is stopped.
func (c *cluster) forwardTo(ctx context.Context, namespace, deployment string, port int) (
	address string, forward *process.Process, err error,
) {
	return c.forwarded(ctx, c.kubectl, "port-forward", "-n", namespace, "deployment/"+deployment, fmt.Sprintf(":%d", port))
}

// forwarded runs a command that forwards a port, and returns where to.
func (c *cluster) forwarded(ctx context.Context, command ...string) (
	address string, forward *process.Process, err error,
) {
	output := &forwardOutput{address: make(chan string, 1)}
	forward, err = process.Start(ctx, filepath.Join(c.dir, "port-forward.log"), output, command...)
	if err != nil {
		return "", nil, err
	}
	select {
	case address = <-output.address:
		return address, forward, nil
	case <-forward.Done():
		return "", forward, forward.Failure()
	case <-ctx.Done():
		return "", forward, errors.Join(ctx.Err(), forward.Stop())
	}
}

// request sends one request to the control API, such as /sps/stats. body and into are JSON; either may be nil.
func (s simulator) request(ctx context.Context, method, path string, body, into any) error {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, s.control+path, &content)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}
