// SPDX-License-Identifier: Apache-2.0

package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/mozillazg/go-unidecode"
	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/manifest"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// Request is the flags that describe a session to ask for.
type Request struct {
	From, Name, Connection, ConnectionNamespace string
	Activity, Resource, Credential              string
	Duration                                    time.Duration
	Ticket, Note, Protocol                      string
	Secret                                      string
	Refresh                                     time.Duration
	Password                                    bool
}

// AddFlags adds the flags of a request.
func (r *Request) AddFlags(f *frame.Frame, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&r.From, "from", "", "A file with an ActivitySession to start from; the other flags change it")
	flags.StringVar(&r.Name, "name", "", "The name of the object; made from the activity if left out")
	flags.StringVar(&r.Connection, "connection", "", "The NPSConnection")
	flags.StringVar(&r.ConnectionNamespace, "connection-namespace", "", "Its namespace, if that is another one")
	flags.StringVar(&r.Activity, "activity", "", "The activity, by its name or ID at the server")
	flags.StringVar(&r.Resource, "resource", "", "Where the activity runs: a host by name or ID")
	flags.StringVar(&r.Credential, "credential", "", "The credential to use instead of a resource, by name or ID")
	flags.DurationVar(&r.Duration, "duration", 0, "How long the session may last; the server decides if left out")
	flags.StringVar(&r.Ticket, "ticket", "", "The number of a ticket, for the server's records")
	flags.StringVar(&r.Note, "note", "", "Free text for the server's records")
	flags.StringVar(&r.Protocol, "protocol", "", "What to connect with: Auto, RDP, SSH or None")
	flags.BoolVar(&r.Password, "password", false, "Also ask for the session's password")
	flags.StringVar(&r.Secret, "secret", "", "The name of the Secret for the connection data; if left out, the object's")
	flags.DurationVar(&r.Refresh, "refresh-interval", 0, "How often the connection data are fetched again, for RDP: 45s")
	frame.CompleteFlag(f, cmd, "connection", kinds.NPSConnection)
	frame.Must(cmd.RegisterFlagCompletionFunc("protocol",
		cobra.FixedCompletions([]string{"Auto", "RDP", "SSH", "None"}, cobra.ShellCompDirectiveNoFileComp)))
}

// Validate refuses what the API server would refuse for lack of a field, in the words of the flags.
func (r *Request) Validate() error {
	switch {
	case r.From != "":
		return nil
	case r.Connection == "":
		return frame.Usagef("--connection is required: it names the server to ask")
	case r.Activity == "":
		return frame.Usagef("--activity is required: it names the activity to request")
	case (r.Resource == "") == (r.Credential == ""):
		return frame.Usagef("give either --resource or --credential")
	case r.Duration < 0, r.Refresh < 0:
		return frame.Usagef("--duration and --refresh-interval must be positive")
	}
	return nil
}

// Object is the object to create. The requester must be whom the API server takes the caller for.
func (r *Request) Object(ctx context.Context, c *cluster.Client) (*pamv1alpha1.ActivitySession, error) {
	s, err := r.template()
	if err != nil {
		return nil, err
	}
	s.Namespace = cmp.Or(s.Namespace, c.Namespace)
	if s.Spec.RequestedBy == "" {
		if s.Spec.RequestedBy, err = c.WhoAmI(ctx); err != nil {
			return nil, fmt.Errorf("find out who you are: %w", err)
		}
	}
	r.fill(&s.Spec)
	s.Name = cmp.Or(r.Name, s.Name)
	if s.Name == "" && s.GenerateName == "" {
		s.GenerateName = slug(cmp.Or(s.Spec.Activity.Name, "session")) + "-"
	}
	return s, nil
}

// template reads --from. The status and what the API server sets are left behind.
func (r *Request) template() (*pamv1alpha1.ActivitySession, error) {
	s := &pamv1alpha1.ActivitySession{}
	if r.From == "" {
		return s, nil
	}
	documents, err := manifest.Read(r.From, nil)
	if err != nil {
		return nil, fmt.Errorf("read --from: %w", err)
	}
	if len(documents) != 1 {
		return nil, fmt.Errorf("%s holds %d documents, and not one ActivitySession", r.From, len(documents))
	}
	if err := yaml.UnmarshalStrict([]byte(documents[0]), s); err != nil {
		return nil, fmt.Errorf("read --from %s: %w", r.From, err)
	}
	if s.Kind != kinds.ActivitySession || s.APIVersion != pamv1alpha1.GroupVersion.String() {
		return nil, fmt.Errorf("%s holds a %s %s, and not an ActivitySession of %s", r.From, s.APIVersion, s.Kind,
			pamv1alpha1.GroupVersion)
	}
	if s.Spec.Cancel != nil && *s.Spec.Cancel {
		return nil, errors.New(r.From + " has cancel: true: a session that is to end cannot be requested")
	}
	return &pamv1alpha1.ActivitySession{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Namespace, Name: s.Name, GenerateName: s.GenerateName, Labels: s.Labels,
		},
		Spec: s.Spec,
	}, nil
}

// fill sets what the flags say.
func (r *Request) fill(spec *pamv1alpha1.ActivitySessionSpec) {
	if r.Connection != "" {
		spec.ConnectionRef = pamv1alpha1.ConnectionReference{Name: r.Connection, Namespace: r.ConnectionNamespace}
	}
	if r.Activity != "" {
		spec.Activity = nameOrID(r.Activity)
	}
	if r.Resource != "" {
		resource := nameOrID(r.Resource)
		spec.Resource, spec.Credential = &resource, nil
	}
	if r.Credential != "" {
		credential := nameOrID(r.Credential)
		spec.Credential = &pamv1alpha1.CredentialSelector{Name: credential.Name, ID: credential.ID}
		spec.Resource = nil
	}
	if r.Duration > 0 {
		spec.Duration = &metav1.Duration{Duration: r.Duration}
	}
	spec.Ticket = cmp.Or(r.Ticket, spec.Ticket)
	spec.Note = cmp.Or(r.Note, spec.Note)
	spec.Protocol = cmp.Or(pamv1alpha1.Protocol(r.Protocol), spec.Protocol)
	r.fillSecret(spec)
}

func (r *Request) fillSecret(spec *pamv1alpha1.ActivitySessionSpec) {
	if !r.Password && r.Secret == "" && r.Refresh == 0 {
		return
	}
	if spec.ConnectionSecret == nil {
		spec.ConnectionSecret = &pamv1alpha1.ConnectionSecret{}
	}
	of := spec.ConnectionSecret
	of.Name = cmp.Or(r.Secret, of.Name)
	if r.Password {
		of.Password = pamv1alpha1.PasswordIfAllowed
	}
	if r.Refresh > 0 {
		of.RefreshInterval = &metav1.Duration{Duration: r.Refresh}
	}
}

var guid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// nameOrID takes what looks like a GUID for one.
func nameOrID(text string) pamv1alpha1.NamedOrID {
	if guid.MatchString(text) {
		return pamv1alpha1.NamedOrID{ID: text}
	}
	return pamv1alpha1.NamedOrID{Name: text}
}

// slugLimit leaves room for what the API server appends.
const slugLimit = 40

// slug makes a name of an activity such as "Linux root". It begins and ends with a letter or digit.
func slug(text string) string {
	dashed := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(unidecode.Unidecode(text)), "-")
	dashed = strings.Trim(dashed, "-")
	dashed = strings.Trim(dashed[:min(len(dashed), slugLimit)], "-")
	return cmp.Or(dashed, "session")
}
