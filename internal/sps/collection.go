// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// Collection is a path below /api/configuration.
type Collection string

// The collections that contain policies, users or groups, or what these refer to (docs/vendors/sps.md 5 to 7).
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
	// AnalyticsPolicies is the target of a connection's analytics_policy on newer versions, Analytics on 6.0
	// (docs/vendors/sps.md 5).
	AnalyticsPolicies Collection = "policies/analytics"
	Analytics         Collection = "analytics"
	// AAPluginInstances is the target of a connection's aa_plugin on newer versions, AAPlugins on 6.0 (Q22).
	AAPluginInstances Collection = "policies/aa_plugin_instances"
	AAPlugins         Collection = "plugins/aa"
	SigningCAs        Collection = "policies/signing_cas"
	TrustedCALists    Collection = "policies/trusted_ca_lists"
	UserDatabases     Collection = "policies/user_databases"
	// X509Identities is likely not listable (docs/vendors/sps.md 6).
	X509Identities Collection = "x509"
	Users          Collection = "aaa/local_database/users"
	Groups         Collection = "aaa/local_database/groups"
	// Passwords can only be created (docs/vendors/sps.md 7).
	Passwords Collection = "passwords"
)

// configurationPath is the parent of all collections.
const configurationPath = "/api/configuration/"

func (c Collection) path(key ...string) []string {
	path := strings.Split(strings.Trim(configurationPath, "/")+"/"+string(c), "/")
	return append(path, key...)
}

// parallelGets bounds the concurrent calls of one List.
const parallelGets = 4

// List returns the collection in the appliance's order, which for connection policies is the order of evaluation
// (docs/vendors/sps.md 4.7). Records always have bodies: if the appliance lists only keys (before 7.3, and later for
// some collections), each object is read.
func (c *Client) List(ctx context.Context, collection Collection) ([]Record, error) {
	records, complete, err := list(ctx, c.reader.rest, collection)
	if err == nil {
		c.learnList(collection, complete)
	}
	return records, err
}

// Get returns one object.
func (c *Client) Get(ctx context.Context, collection Collection, key string) (Object, error) {
	return getObject(ctx, c.reader.rest, collection, key)
}

// Keys returns the keys of a collection, in one call.
func (c *Client) Keys(ctx context.Context, collection Collection) (map[string]bool, error) {
	return listKeys(ctx, c.reader.rest, collection)
}

// ListsBodies reports whether a List of the collection is known to cost one call rather than one per object: since 7.3,
// lists of most collections contain bodies (docs/vendors/sps.md 2).
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

// objectAnswer is an object as read, alone or in a list.
type objectAnswer struct {
	Key  string          `json:"key"`
	Body json.RawMessage `json:"body"`
}

func getObject(ctx context.Context, client *rest.Client, collection Collection, key string) (Object, error) {
	r, err := get(ctx, client, collection, key)
	if err != nil {
		return Object{}, err
	}
	return r.Object()
}

func get(ctx context.Context, client *rest.Client, collection Collection, key string) (Record, error) {
	req := rest.Request{Operation: operationGet, Method: http.MethodGet, Path: collection.path(key)}
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

// list also reports whether the list contained all bodies. The memory of the records is counted until list returns; a
// caller that keeps them counts them again.
func list(
	ctx context.Context, client *rest.Client, collection Collection,
) (records []Record, complete bool, err error) {
	req := rest.Request{Operation: operationList, Method: http.MethodGet, Path: collection.path()}
	list := recordList{request: req, records: []Record{}, memory: client.Memory()}
	defer func() { list.memory.Release(list.reserved) }()
	if err := client.Stream(ctx, req, list.read); err != nil {
		return nil, false, err
	}
	if !list.there { // as an empty collection it would make us recreate everything
		return nil, false, malformed(req, "the answer has no items")
	}
	complete = list.complete()
	if err := list.fillBodies(ctx, client, collection); err != nil {
		return nil, false, err
	}
	return list.records, complete, nil
}

// listKeys returns the keys of a collection in one call, whether or not the list contains bodies.
func listKeys(ctx context.Context, client *rest.Client, collection Collection) (map[string]bool, error) {
	req := rest.Request{Operation: operationList, Method: http.MethodGet, Path: collection.path()}
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

// fillBodies reads the objects whose bodies the list did not contain. Objects deleted in the meantime are left out.
func (i *recordList) fillBodies(ctx context.Context, client *rest.Client, collection Collection) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelGets)
	var filling sync.Mutex
	for at := range i.records {
		r := &i.records[at]
		if r.known() {
			continue
		}
		group.Go(func() error {
			full, err := get(ctx, client, collection, r.Key)
			if rest.IsNotFound(err) {
				return nil
			}
			if err != nil {
				return err
			}
			filling.Lock()
			defer filling.Unlock()
			return i.fill(r, full)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	i.records = slices.DeleteFunc(i.records, func(r Record) bool { return !r.known() })
	return nil
}

// malformed is the error of an answer that makes no sense. What the appliance did is unknown.
func malformed(req rest.Request, message string) error {
	return &rest.Error{
		Method: req.Method, Path: "/" + strings.Join(req.Path, "/"), Sent: true,
		Message: message, Err: rest.ErrMalformedAnswer,
	}
}
