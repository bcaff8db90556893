// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Accounts are names of accounts on an appliance.
type Accounts []string

// Has reports whether a name is that of one of the accounts. It is unknown whether the appliance distinguishes cases in
// a log-in, so cases count as equal here.
func (a Accounts) Has(name string) bool {
	for _, account := range a {
		if strings.EqualFold(canonical(account), canonical(name)) {
			return true
		}
	}
	return false
}

func canonical(account string) string { return sps.CanonicalName(strings.TrimSpace(account)) }

// Accounts returns the accounts that the operator logs in with on the appliance at a canonical address: one for each
// connection that reaches it, even under another address if that is known, and that is ready or has logged in there
// before. While log-ins fail, the account must be kept all the same. But whoever only claims a name, in a Secret that
// the appliance never accepted, protects nothing. It sends nothing.
func (p *Pool) Accounts(ctx context.Context, url string) (Accounts, error) {
	var list pamv1alpha1.SPSConnectionList
	if err := p.cfg.Cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var out Accounts
	for i := range list.Items {
		c := &list.Items[i]
		isReady := ready(c, c.Namespace, c.Status.Conditions, c.Status.ObservedGeneration) == nil
		if !p.leads(c, url) || !isReady && c.Status.LogIn == nil {
			continue
		}
		a, err := p.Connect(ctx, c)
		switch {
		case IsNotReady(err), IsInvalid(err): // it does not log in
		case err != nil:
			return nil, err
		case a.Account != "" && (isReady || a.HasLoggedIn()):
			out = append(out, a.Account)
		}
	}
	return out, nil
}

// Addresses returns the canonical addresses of the appliance at one of them, as far as they are known. It sends
// nothing.
func (p *Pool) Addresses(ctx context.Context, url string) ([]string, error) {
	var list pamv1alpha1.SPSConnectionList
	if err := p.cfg.Cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	out := []string{url}
	for i := range list.Items {
		c := &list.Items[i]
		if address := CanonicalURL(c.Spec.URL); p.leads(c, url) && !slices.Contains(out, address) {
			out = append(out, address)
		}
	}
	return out, nil
}

func (p *Pool) leads(c *pamv1alpha1.SPSConnection, url string) bool {
	address := CanonicalURL(c.Spec.URL)
	if address == url {
		return true
	}
	same, _ := p.same.known(address, url)
	return same
}

// account is the name of the account that a client logs in to. With a certificate it is the common name of the subject,
// which is a best guess: how the appliance maps certificates to accounts is its own configuration.
func (s spsSettings) account() string {
	if s.X509 && s.TLS != nil && len(s.TLS.Certificates) > 0 && s.TLS.Certificates[0].Leaf != nil {
		return s.TLS.Certificates[0].Leaf.Subject.CommonName
	}
	return s.Username
}
