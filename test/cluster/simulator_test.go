// SPDX-License-Identifier: Apache-2.0

//go:build cluster

package cluster

import (
	"bytes"
	"context"
	"encoding/json"
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
	spsPort  = 8443
	npsPort  = 6500
)

// simulator is how the test reaches the controls of the appliances.
type simulator struct{ control string }

// startSimulator runs both appliances in one pod behind a Service, and makes connections to them.
func (c *cluster) startSimulator(ctx context.Context) error {
	if err := c.apply(ctx, simulatorDeployment(c.image), simulatorService()); err != nil {
		return err
	}
	if err := c.rolledOut(ctx, applianceNamespace, simulatorName); err != nil {
		return err
	}
	if err := c.applyConnections(ctx); err != nil {
		return err
	}
	return c.forwardControl(ctx)
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
			"--nps-application=" + account, "--nps-api-key=" + apiKey, "--write-delay=20ms", "--commit-delay=1s",
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

// restricted is a pod with one container that may do nothing but run.
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

// applyConnections makes both connections, with what the simulator wrote for its clients.
func (c *cluster) applyConnections(ctx context.Context) error {
	out, err := c.run(ctx, "", "exec", "-n", applianceNamespace, "deployment/"+simulatorName, "--",
		"/consumer", certificates, "ca.crt", "client.crt", "client.key")
	if err != nil {
		return err
	}
	var written map[string]struct{ Content string }
	if err := json.Unmarshal([]byte(out), &written); err != nil {
		return err
	}
	in := builder.InNamespace(platformNamespace)
	ca := &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: platformNamespace, Name: "ca"},
		Data:       map[string]string{"ca.crt": written["ca.crt"].Content},
	}
	pair := map[string]string{"tls.crt": written["client.crt"].Content, "tls.key": written["client.key"].Content}
	return c.apply(ctx, ca,
		builder.Secret(builder.SPSCredentials, map[string]string{"username": account, "password": password}, in),
		builder.Secret(builder.NPSCredentials, map[string]string{"login": account, "apiKey": apiKey}, in),
		builder.Secret(builder.NPSClientCertificate, pair, in),
		builder.SPSConnection(builder.DefaultSPSConnection, in, builder.TrustedCA("ca"),
			builder.URL(fmt.Sprintf("https://%s:%d", simulatorHost(), spsPort))),
		builder.NPSConnection(builder.DefaultNPSConnection, in, builder.TrustedCA("ca"),
			builder.URL(fmt.Sprintf("https://%s:%d", simulatorHost(), npsPort)),
			builder.AllowNamespaces(pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromAll}),
			builder.Grants(pamv1alpha1.Grant{Namespaces: []string{paymentsNamespace}})),
	)
}

// forwarding is what kubectl prints when the controls, which are on the pod's loopback only, can be reached.
var forwarding = regexp.MustCompile(`Forwarding from (127\.0\.0\.1:\d+) -> `)

// forwarded waits for that line.
type forwarded struct {
	mu      sync.Mutex
	printed []byte
	address chan string
}

func (f *forwarded) Write(text []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.printed = append(f.printed, text...)
	if found := forwarding.FindSubmatch(f.printed); found != nil {
		select {
		case f.address <- string(found[1]):
		default: // it was told before
		}
	}
	return len(text), nil
}

func (c *cluster) forwardControl(ctx context.Context) error {
	output := &forwarded{address: make(chan string, 1)}
	var err error
	c.forward, err = process.Start(ctx, filepath.Join(c.dir, "port-forward.log"), output,
		c.kubectl, "port-forward", "-n", applianceNamespace, "deployment/"+simulatorName, ":8090")
	if err != nil {
		return err
	}
	select {
	case address := <-output.address:
		c.simulator.control = "http://" + address
		return nil
	case <-c.forward.Done():
		return c.forward.Failure()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// request sends one request to the controls, such as /sps/stats. body and into are JSON; either may be nil.
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
