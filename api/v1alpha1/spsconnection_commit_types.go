// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CommitSettings define how changes are grouped into transactions.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.window) || duration(self.window) <= duration(has(self.maxWindow) ? self.maxWindow : '5s')",message="window must not be longer than maxWindow, which defaults to 5s"
type CommitSettings struct {
	// window is how long a transaction waits for another change after the latest one arrived, unless writing the changes
	// at hand takes as long. From 1ms to 10m. Defaults to 1s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1ms') && duration(self) <= duration('10m')",message="window must be a duration from 1ms to 10m, such as 1s"
	Window *metav1.Duration `json:"window,omitempty"`

	// maxWindow is how long a transaction waits at most after its first change arrived; changes that arrive while those
	// are being written still join it. From 1ms to 1h, and not shorter than window. Defaults to 5s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1ms') && duration(self) <= duration('1h')",message="maxWindow must be a duration from 1ms to 1h, such as 5s"
	MaxWindow *metav1.Duration `json:"maxWindow,omitempty"`

	// maxChanges is how many changes one transaction holds at most, from 1 to 10000. Defaults to 1000.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	MaxChanges *int32 `json:"maxChanges,omitempty"`

	// maxHold is how long the configuration lock may be held for writing; after that, the changes written so far are
	// committed and the lock is released. From 1s to 10m. Defaults to 60s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('10m')",message="maxHold must be a duration from 1s to 10m, such as 60s"
	MaxHold *metav1.Duration `json:"maxHold,omitempty"`

	// timeout is how long a commit may take before its outcome counts as unknown, from 1s to 30m. It covers the commit
	// only: every other call has 30s, however many a transaction takes. After a commit that took longer, the appliance is
	// read again before anything is written. Set it well above the usual duration of a commit, or every change is sent
	// twice. Defaults to 120s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('30m')",message="timeout must be a duration from 1s to 30m, such as 120s"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// message is sent with a commit if the appliance requires one. Defaults to "change by pam-operator".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Message string `json:"message,omitempty"`
}

// CommitRecord is one committed transaction.
type CommitRecord struct {
	// time is when the commit completed.
	// +required
	Time metav1.Time `json:"time,omitzero"`

	// changes is how many changes the transaction held.
	// +required
	// +kubebuilder:validation:Minimum=0
	Changes *int32 `json:"changes,omitempty"`

	// duration is how long the configuration lock was held for it.
	// +required
	Duration metav1.Duration `json:"duration,omitzero"`

	// appliance is the canonical address to which the commit was sent.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Appliance string `json:"appliance,omitempty"`
}
