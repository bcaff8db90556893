// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// Collection is a path below /api/configuration.
type Collection string

// The collections that a policy, user or group lives in or refers to (sps contract 5 to 7).
const (
	RDPConnections         Collection = "rdp/connections"
	RDPChannelPolicies     Collection = "rdp/channel_policies"
	RDPSettingsPolicies    Collection = "rdp/settings_policies"
	AuditPolicies          Collection = "policies/audit_policies"
	ArchiveCleanupPolicies Collection = "policies/archive_cleanup_policies"
	BackupPolicies         Collection = "policies/backup_policies"
	CredentialStores       Collection = "policies/credentialstores"
	LDAPServers            Collection = "policies/ldap_servers"
	UsermappingPolicies    Collection = "policies/usermapping_policies"
	IndexingPolicies       Collection = "policies/indexing"
	// AnalyticsPolicies is what a connection's analytics_policy refers to on newer versions, Analytics on 6.0 (sps
	// contract 5).
	AnalyticsPolicies Collection = "policies/analytics"
	Analytics         Collection = "analytics"
	// AAPluginInstances is what a connection's aa_plugin refers to on newer versions, AAPlugins on 6.0 (Q22).
	AAPluginInstances Collection = "policies/aa_plugin_instances"
	AAPlugins         Collection = "plugins/aa"
	SigningCAs        Collection = "policies/signing_cas"
	TrustedCALists    Collection = "policies/trusted_ca_lists"
	UserDatabases     Collection = "policies/user_databases"
	// X509Identities is likely not listable (sps contract 6).
	X509Identities Collection = "x509"
	Users          Collection = "aaa/local_database/users"
	Groups         Collection = "aaa/local_database/groups"
	// Passwords can be created and nothing else (sps contract 7).
	Passwords Collection = "passwords"
)

// configurationPath is where collections hang.
const configurationPath = "/api/configuration/"

func (c Collection) path(key ...string) []string {
	path := strings.Split(strings.Trim(configurationPath, "/")+"/"+string(c), "/")
	return append(path, key...)
}

// parallelGets bounds the calls that one List makes at the same time.
const parallelGets = 4

// List returns the collection in the appliance's order, which for connection policies is the order of evaluation
// (sps contract 4.7). Bodies are always there: appliances that list keys only (before 7.3, and later ones for some
// collections) are asked for each object.
func (c *Client) List(ctx context.Context, collection Collection) ([]Record, error) {
	records, complete, err := list(ctx, c.reader.rest, collection)
	if err == nil {
		c.learnList(collection, complete)
	}
	return records, err
}

// Get returns one object.
func (c *Client) Get(ctx context.Context, collection Collection, key string) (Object, error) {
	r, err := get(ctx, c.reader.rest, collection, key)
	return r.Object(), err
}

// Keys returns the keys of a collection, in one call.
func (c *Client) Keys(ctx context.Context, collection Collection) (map[string]bool, error) {
	return listKeys(ctx, c.reader.rest, collection)
}

// ListsBodies says that a List of the collection costs one call and not one for each object, as far as is known: since
// 7.3 lists carry bodies, for most collections (sps contract 2).
func (c *Client) ListsBodies(collection Collection) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.completeLists[collection]
}

func (c *Client) learnList(collection Collection, complete bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.completeLists == nil {
		c.completeLists = map[Collection]bool{}
	}
	c.completeLists[collection] = complete
}

// objectAnswer is an object as it is read, alone or in a list.
type objectAnswer struct {
	Key  string          `json:"key"`
	Body json.RawMessage `json:"body"`
}

func get(ctx context.Context, client *rest.Client, collection Collection, key string) (Record, error) {
	req := rest.Request{Method: http.MethodGet, Path: collection.path(key)}
	var answer objectAnswer
	if err := client.DoJSON(ctx, req, &answer); err != nil {
		return Record{}, err
	}
	if !hasBody(answer.Body) {
		return Record{}, malformed(req, "the answer has no body")
	}
	r, fault := record(key, answer.Body)
	if fault != "" {
		return Record{}, malformed(req, "the body of the answer "+fault)
	}
	return r, nil
}

// list also says whether the list was complete in itself. What the records take is counted until it returns; a
// caller that keeps them counts them again.
func list(
	ctx context.Context, client *rest.Client, collection Collection,
) (records []Record, complete bool, err error) {
	req := rest.Request{Method: http.MethodGet, Path: collection.path()}
	list := items{request: req, records: []Record{}, memory: client.Memory()}
	defer func() { list.memory.Release(list.held) }()
	if err := client.Stream(ctx, req, list.read); err != nil {
		return nil, false, err
	}
	if !list.there { // taken for an empty collection, it would make us create everything anew
		return nil, false, malformed(req, "the answer has no items")
	}
	complete = list.complete()
	if err := list.fillBodies(ctx, client, collection); err != nil {
		return nil, false, err
	}
	return list.records, complete, nil
}

// listKeys returns the keys of a collection in one call, whether the list carries bodies or not.
func listKeys(ctx context.Context, client *rest.Client, collection Collection) (map[string]bool, error) {
	req := rest.Request{Method: http.MethodGet, Path: collection.path()}
	var answer struct {
		Items *[]struct {
			Key string `json:"key"`
		} `json:"items"`
	}
	if err := client.DoJSON(ctx, req, &answer); err != nil {
		return nil, err
	}
	if answer.Items == nil {
		return nil, malformed(req, "the answer has no items")
	}
	keys := make(map[string]bool, len(*answer.Items))
	for _, item := range *answer.Items {
		if item.Key == "" {
			return nil, malformed(req, "an item of the answer has no key")
		}
		keys[item.Key] = true
	}
	return keys, nil
}

// fillBodies reads the objects whose bodies the list did not carry. Those that are gone meanwhile are left out.
func (i *items) fillBodies(ctx context.Context, client *rest.Client, collection Collection) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var (
		workers sync.WaitGroup
		filling sync.Mutex
	)
	next := make(chan *Record)
	for range parallelGets {
		workers.Go(func() {
			for r := range next {
				full, err := get(ctx, client, collection, r.Key)
				if rest.IsNotFound(err) {
					continue
				}
				if err == nil {
					filling.Lock()
					err = i.fill(r, full)
					filling.Unlock()
				}
				if err != nil {
					stop(err) // the first cause stays
				}
			}
		})
	}
	for at := range i.records {
		if !i.records[at].known() && ctx.Err() == nil {
			next <- &i.records[at]
		}
	}
	close(next)
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	i.records = slices.DeleteFunc(i.records, func(r Record) bool { return !r.known() })
	return nil
}

// malformed is an answer that arrived and makes no sense. Nobody can say what the appliance did.
func malformed(req rest.Request, message string) error {
	return &rest.Error{
		Method: req.Method, Path: "/" + strings.Join(req.Path, "/"), Sent: true,
		Message: message, Err: rest.ErrMalformedAnswer,
	}
}
