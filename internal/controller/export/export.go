// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/controller/policy"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// result is what an export wrote and what it left out.
type result struct {
	configHash string
	objects    []pamv1alpha1.ObjectCount
	parts      []pamv1alpha1.ExportPart
	lacking    *lacking
}

const (
	// readings is how often the appliance is read in one pass until its configuration does not change meanwhile.
	readings = 3
	// changedRetry is when an export is tried again if it kept changing.
	changedRetry = 5 * time.Second
)

// errChanged means that the appliance kept changing while it was read.
var errChanged = &loop.Problem{
	Reason: pamv1alpha1.ReasonProgressing, After: changedRetry,
	Message: "the configuration of the appliance kept changing while it was read; trying again",
}

// errStarting means that the manager does not know all objects of the cluster yet.
var errStarting = &loop.Problem{
	Reason: pamv1alpha1.ReasonProgressing, After: time.Second, Message: "the operator is starting",
}

// export reads the appliance and writes what was asked for.
func (r *reconciler) export(
	ctx context.Context, e *pamv1alpha1.ApplianceExport, on *appliance.Appliance,
) (result, error) {
	if !r.Claims.Complete() {
		return result{}, errStarting
	}
	// What somebody made by hand a minute ago is what an export is asked for.
	if err := on.Inventory.Refresh(ctx); err != nil {
		return result{}, err
	}
	for range readings {
		seen := newSnapshot(on.Inventory)
		run, err := r.newRun(ctx, e, on, seen)
		if err != nil {
			return result{}, err
		}
		if err := run.read(ctx); err != nil {
			return result{}, err
		}
		if hash, same := seen.seal(); same {
			run.result.configHash = hash
			done, err := r.writing.Enter(ctx) // not while it is read: an appliance may take its time
			if err != nil {
				return result{}, err
			}
			defer done()
			err = run.write(ctx)
			return run.result, err
		}
	}
	return result{}, errChanged
}

// run is one attempt of an export.
type run struct {
	kinds    []kinds.Kind
	describe *policy.Describer
	seen     *snapshot
	// wanted reports whether a record is to be exported.
	wanted func(kinds.Kind, sps.Record) bool
	// existing are the objects of the target namespace.
	existing func(context.Context, kinds.Kind) (existing, error)
	parts    *parts
	result   result
	// users are the names of the LocalUsers that were written, by the keys of their users.
	users map[string]string
}

func (r *reconciler) newRun(
	ctx context.Context, e *pamv1alpha1.ApplianceExport, on *appliance.Appliance, seen *snapshot,
) (*run, error) {
	addresses, err := r.Pool.Addresses(ctx, on.URL)
	if err != nil {
		return nil, err
	}
	accounts, err := r.Pool.Accounts(ctx, on.URL)
	if err != nil {
		return nil, err
	}
	accepted, err := newSchemas(kinds.Policies())
	if err != nil {
		return nil, err
	}
	through := pamv1alpha1.ConnectionReference{Name: e.Spec.ConnectionRef.Name}
	if e.TargetNamespace() != e.Namespace {
		through.Namespace = e.Namespace
	}
	out := &run{
		kinds: kindsOf(e), seen: seen, users: map[string]string{}, result: result{lacking: &lacking{}},
		wanted: r.selection(e, addresses),
		existing: func(ctx context.Context, kind kinds.Kind) (existing, error) {
			return r.existingIn(ctx, e.TargetNamespace(), kind, connection.Target(through, e.TargetNamespace()))
		},
		parts: &parts{export: e, client: r.Client, live: r.Live},
	}
	out.describe = &policy.Describer{
		View: seen, Check: accepted.check, Accounts: accounts, Connection: through, Namespace: e.TargetNamespace(),
		UserRef: func(key string) string { return out.users[key] },
	}
	return out, nil
}

// selection is what an export wants.
func (r *reconciler) selection(
	e *pamv1alpha1.ApplianceExport, addresses []string,
) func(kinds.Kind, sps.Record) bool {
	return func(kind kinds.Kind, record sps.Record) bool {
		matches := func(glob string) bool { return connection.MatchesGlob(glob, record.Name) }
		if len(e.Spec.Names) > 0 && !slices.ContainsFunc(e.Spec.Names, matches) {
			return false
		}
		return e.Spec.Selection != pamv1alpha1.ExportUnmanaged || !r.Claims.Claimed(kind, addresses, record)
	}
}

// read reads the collections that the export needs.
func (r *run) read(ctx context.Context) error {
	for _, kind := range r.kinds {
		listing, err := r.seen.List(ctx, kind.Collection)
		if err != nil {
			return err
		}
		for record := range listing.All() {
			if !r.wanted(kind, record) {
				continue
			}
			if err := errors.Join(ctx.Err(), r.describe.Read(ctx, kind, record)); err != nil {
				return err
			}
		}
	}
	return nil
}

// write writes the objects, kind by kind.
func (r *run) write(ctx context.Context) error {
	for _, kind := range r.kinds {
		count, err := r.writeKind(ctx, kind)
		if err != nil {
			return err
		}
		if count > 0 {
			r.result.objects = append(r.result.objects, pamv1alpha1.ObjectCount{
				Kind: pamv1alpha1.PolicyKind(kind.Name), Count: new(count),
			})
		}
	}
	written, err := r.parts.close(ctx)
	r.result.parts = written
	return err
}

func (r *run) writeKind(ctx context.Context, kind kinds.Kind) (count int32, err error) {
	listing, err := r.seen.List(ctx, kind.Collection)
	if err != nil {
		return 0, err
	}
	existing, err := r.existing(ctx, kind)
	if err != nil {
		return 0, err
	}
	var records []sps.Record
	for record := range listing.All() {
		if r.wanted(kind, record) {
			records = append(records, record)
		}
	}
	names := existing.name(kind, records)
	for _, record := range records {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		written, err := r.writeRecord(ctx, kind, record, names[record.Key])
		if err != nil {
			return 0, err
		}
		if written {
			count++
		}
	}
	return count, nil
}

// writeRecord writes one object, and notes what it lacks.
func (r *run) writeRecord(
	ctx context.Context, kind kinds.Kind, record sps.Record, name string,
) (written bool, err error) {
	obj, missing, err := r.describe.Describe(ctx, kind, record, name)
	if err != nil {
		return false, fmt.Errorf("describe %q: %w", record.Name, err)
	}
	if obj != nil {
		if written, err = r.parts.add(ctx, kind, obj); err != nil {
			return false, err
		}
		if !written {
			missing = []policy.Missing{{Reason: "YAML does not keep a character in one of its texts: change it there"}}
		}
	}
	r.result.lacking.add(kind, record, missing)
	if written && kind.Name == kinds.LocalUser {
		r.users[record.Key] = name
	}
	return written, nil
}
