// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Accounts are the names of accounts of an appliance.
type Accounts []string

// Has says whether a name is that of one of the accounts. Nobody knows whether the appliance tells cases apart in a
// log-in, so they count as the same here.
func (a Accounts) Has(name string) bool {
	for _, account := range a {
		if strings.EqualFold(canonical(account), canonical(name)) {
			return true
		}
	}
	return false
}

func canonical(account string) string { return sps.CanonicalName(strings.TrimSpace(account)) }

// Accounts are those that the operator logs in with to the appliance of a canonical address: the account of each
// connection that is ready and leads there, under whatever address as far as that is known. Nothing is sent.
func (p *Pool) Accounts(ctx context.Context, url string) (Accounts, error) {
	var list pamv1alpha1.SPSConnectionList
	if err := p.cfg.Cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var out Accounts
	for i := range list.Items {
		c := &list.Items[i]
		if !p.leads(c, url) || ready(c, c.Namespace, c.Status.Conditions, c.Status.ObservedGeneration) != nil {
			continue
		}
		a, err := p.Connect(ctx, c)
		switch {
		case IsNotReady(err), IsInvalid(err): // it logs in with nothing
		case err != nil:
			return nil, err
		case a.Account != "":
			out = append(out, a.Account)
		}
	}
	return out, nil
}

func (p *Pool) leads(c *pamv1alpha1.SPSConnection, url string) bool {
	address := CanonicalURL(c.Spec.URL)
	if address == url {
		return true
	}
	together, _ := p.twins.are(address, url)
	return together
}

// account is the name of the account that a client logs in as. With a certificate it is the common name of the subject:
// a best guess, since what the appliance makes of a certificate is its own matter.
func (s spsSettings) account() string {
	if s.X509 && s.TLS != nil && len(s.TLS.Certificates) > 0 && s.TLS.Certificates[0].Leaf != nil {
		return s.TLS.Certificates[0].Leaf.Subject.CommonName
	}
	return s.Username
}
