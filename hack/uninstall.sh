#!/usr/bin/env bash
# Removes what a manifest installed from the cluster of KUBECONFIG, in the order of docs/uninstall.md: objects, manager,
# CRDs. Needs only kubectl. Arguments: kubectl; how to call this, for messages; -f MANIFEST or -k FOLDER.
#
# While objects have the operator's finalizer it refuses, unless RELEASE is
#   orphan  what they manage stays: deletionPolicy is set to Orphan (Keep for sessions), then they are deleted
#   delete  what they manage is removed from the appliances, and live sessions are ended
# It waits up to TIMEOUT seconds. It removes the manager or a CRD only when nothing waits for the manager any more.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

kubectl=$1 command=$2 from=("$3" "$4")
release=${RELEASE:-} timeout=${TIMEOUT:-300}
finalizer=pam-operator.io/finalizer

fail() { printf '%s\n' "$@" >&2; exit 1; }
case $release in '' | orphan | delete) ;; *) fail "RELEASE is \"$release\", want orphan or delete" ;; esac
[[ $timeout =~ ^[0-9]+$ ]] || fail "TIMEOUT is \"$timeout\", want a number of seconds"

# An operator of some namespaces is not responsible for the objects of others, unless the CRDs go with it.
scopes=(--all-namespaces)
watched=
if [[ ${from[0]} == -f ]] && ! grep -q '^kind: CustomResourceDefinition' "${from[1]}"; then
  watched=$(sed -n 's/.*--watch-namespaces=\([a-z0-9.,-]*\).*/\1/p' "${from[1]}" | head -1)
fi
if [[ -n $watched ]]; then
  scopes=()
  for namespace in ${watched//,/ }; do scopes+=("--namespace=$namespace"); done
fi

# kinds lists our kinds that are installed, as words.
kinds() {
  "$kubectl" get crd --output=go-template='{{range .items}}{{if eq .spec.group "pam-operator.io"}}{{
    .metadata.name}} {{end}}{{end}}'
}

# show KIND TEMPLATE prints a line for each object, from a Go template in which $o is the object.
show() {
  local scope
  for scope in "${scopes[@]}"; do
    "$kubectl" get "$1" "$scope" --output=go-template="{{range \$o := .items}}$2{{end}}"
  done
}
all_of() { show "$1" '{{$o.metadata.namespace}} {{$o.metadata.name}}{{"\n"}}'; }
# held prints those with the finalizer, with resource version, position of the finalizer, and what they stand for.
held() {
  show "$1" '{{range $i, $f := $o.metadata.finalizers}}{{if eq $f "'$finalizer'"}}{{$o.metadata.namespace}} {{
    $o.metadata.name}} {{$o.metadata.resourceVersion}} {{$i}} {{with $o.status}}{{with .key}}{{.}}{{else}}{{with
    .sessionID}}{{.}}{{end}}{{end}}{{end}}{{"\n"}}{{end}}{{end}}'
}
count() { grep -c . || true; }

# census FUNCTION KIND... prints "  NUMBER KIND" for each kind of which FUNCTION finds any.
census() {
  local what=$1 kind number
  shift
  for kind in "$@"; do
    number=$("$what" "$kind" | count)
    [[ $number == 0 ]] || printf '  %s %s\n' "$number" "${kind%%.*}"
  done
}

refuse() {
  fail "refused: these objects have the operator's finalizer:" "$1" \
    "Without the operator they would stay Terminating, and with it their deletion removes what they manage from the" \
    "appliances. Stop the GitOps tools that apply them, and say what is meant:" \
    "  $command RELEASE=orphan   everything stays on the appliances, and the objects go" \
    "  $command RELEASE=delete   everything is removed from the appliances, and live sessions end" \
    "See docs/uninstall.md."
}

# policy_of prints the deletionPolicy of a kind that leaves everything where it is; nothing if the kind has none.
policy_of() {
  local spec='{.spec.versions[?(@.storage==true)].schema.openAPIV3Schema.properties.spec'
  case $("$kubectl" get crd "$1" --output=jsonpath="$spec.properties.deletionPolicy.enum}") in
    *Orphan*) echo Orphan ;;
    *Keep*) echo Keep ;;
  esac
}

# unset_of KIND POLICY prints the objects that have another deletionPolicy.
unset_of() {
  show "$1" '{{with $o.spec}}{{if ne (print .deletionPolicy) "'"$2"'"}}{{$o.metadata.namespace}} {{
    $o.metadata.name}}{{"\n"}}{{end}}{{end}}'
}

# keep_everything sets the deletionPolicy of every object, and makes sure of it.
keep_everything() {
  local kind policy namespace left
  for kind in "$@"; do
    policy=$(policy_of "$kind")
    [[ -n $policy ]] || continue
    unset_of "$kind" "$policy" | cut -d' ' -f1 | sort -u | while read -r namespace; do
      unset_of "$kind" "$policy" | sed -n "s/^$namespace //p" | xargs -n 100 "$kubectl" patch "$kind" \
        --namespace="$namespace" --type=merge --patch='{"spec":{"deletionPolicy":"'"$policy"'"}}' >/dev/null || true
    done
    left=$(unset_of "$kind" "$policy" | count)
    [[ $left == 0 ]] || fail "stopped: $left $kind do not have deletionPolicy $policy; nothing was deleted." \
      "Another tool sets it back, or they were refused: see the errors above."
  done
}

# manager_runs prints yes if a Pod of the manager runs, or if somebody renews the manager's lease.
manager_runs() {
  local pods before now at
  pods=$("$kubectl" get pods --all-namespaces --field-selector=status.phase=Running \
    --selector=app.kubernetes.io/name=pam-operator,control-plane=controller-manager --output=name)
  if [[ -n $pods ]]; then echo yes; return; fi
  before=$(leases)
  at=$SECONDS
  while [[ -n $before && $((SECONDS - at)) -lt 20 ]]; do # longer than the default duration of a lease
    now=$(leases)
    if [[ $now != "$before" ]]; then echo yes; return; fi
    sleep 1
  done
  echo no
}
leases() {
  "$kubectl" get leases --all-namespaces --field-selector=metadata.name=pam-operator.io \
    --output=go-template='{{range .items}}{{with .spec}}{{if .holderIdentity}}{{.holderIdentity}} {{.renewTime}}{{
      "\n"}}{{end}}{{end}}{{end}}'
}

# expect_deletable refuses a deletion that would wait for somebody.
expect_deletable() {
  local blocked
  [[ $manager == yes ]] || fail "refused: no manager runs, and only a manager can remove anything from an appliance." \
    "Start it, or leave the appliances as they are: $command RELEASE=orphan"
  blocked=$(blockers "$@")
  [[ -z $blocked ]] || fail "refused: the deletion would wait for these; nothing was deleted yet:" "$blocked" \
    "Fix or resume them, or leave the appliances as they are: $command RELEASE=orphan"
}
# blockers prints the connections that are not ready, and the objects that are suspended.
blockers() {
  local kind name='  {{$o.kind}} {{$o.metadata.namespace}}/{{$o.metadata.name}}'
  for kind in "$@"; do
    if [[ $kind == *connections.* ]]; then
      show "$kind" '{{range $o.status.conditions}}{{if eq .type "Ready"}}{{if ne .status "True"}}'"$name"': {{
        .reason}}: {{.message}}{{"\n"}}{{end}}{{end}}{{end}}'
    else
      show "$kind" '{{with $o.spec}}{{if .suspend}}'"$name"' is suspended{{"\n"}}{{end}}{{end}}'
    fi
  done
}

# delete_all deletes every object of these kinds, and waits until they are gone.
delete_all() {
  local kind scope left before= until=$((SECONDS + timeout))
  for kind in "$@"; do
    for scope in "${scopes[@]}"; do
      "$kubectl" delete "$kind" --all "$scope" --wait=false --ignore-not-found >/dev/null
    done
  done
  while left=$(census all_of "$@"); [[ -n $left ]]; do
    [[ $left == "$before" ]] || printf 'waiting for\n%s\n' "$left"
    before=$left
    [[ $release != orphan || $manager == yes ]] || take_finalizers "$@"
    [[ $SECONDS -lt $until ]] || give_up "$@"
    sleep 1
  done
}

# take_finalizers does what no manager is there to do. The precondition keeps it from undoing what another client, such
# as a manager that is back, has just written.
take_finalizers() {
  local kind namespace name version position what
  for kind in "$@"; do
    held "$kind" | while read -r namespace name version position what; do
      if "$kubectl" patch "$kind" "$name" --namespace="$namespace" --type=json --patch='[
        {"op": "test", "path": "/metadata/resourceVersion", "value": "'"$version"'"},
        {"op": "test", "path": "/metadata/finalizers/'"$position"'", "value": "'$finalizer'"},
        {"op": "remove", "path": "/metadata/finalizers/'"$position"'"}]' >/dev/null; then
        echo "left as it is, without a record in the cluster: ${kind%%.*} $namespace/$name${what:+, $what}"
      fi
    done
  done
}

give_up() {
  local kind
  for kind in "$@"; do
    show "$kind" '  {{$o.kind}} {{$o.metadata.namespace}}/{{$o.metadata.name}}{{range $o.status.conditions}}{{
      if eq .type "Ready"}}: {{.reason}}: {{.message}}{{end}}{{end}}{{"\n"}}' >&2
  done
  fail "stopped: the objects above are not gone after $timeout s. The manager still runs, and so do their deletions:" \
    "run this again to go on. To leave on the appliances what is there: $command RELEASE=orphan"
}

# stop_manager removes the Deployments of the manifest, and waits for their Pods.
stop_manager() {
  local namespace name
  [[ ${from[0]} == -f ]] || return 0
  "$kubectl" get "${from[@]}" --ignore-not-found \
    --output=go-template='{{range .items}}{{if eq .kind "Deployment"}}{{.metadata.namespace}} {{.metadata.name}}{{
      "\n"}}{{end}}{{end}}' |
    while read -r namespace name; do
      "$kubectl" delete deployment "$name" --namespace="$namespace" --cascade=foreground --ignore-not-found \
        --timeout="${timeout}s"
    done
}

main() {
  local kind of= through= found # lists of words, and connections apart: they go last, because the others need them
  for kind in $(kinds); do
    if [[ $kind == *connections.* ]]; then through+=" $kind"; else of+=" $kind"; fi
  done
  # shellcheck disable=SC2086 # words
  {
    found=$(census held $of $through)
    if [[ -n $release ]]; then
      manager=$(manager_runs)
      if [[ $release == orphan ]]; then keep_everything $of; else expect_deletable $of $through; fi
      delete_all $of
      delete_all $through
    elif [[ -n $found ]]; then
      refuse "$found"
    fi
    stop_manager
    found=$(census held $of $through) # of objects that were created meanwhile
    [[ -z $found ]] || refuse "$found"
  }
  "$kubectl" delete --ignore-not-found --timeout="${timeout}s" "${from[@]}"
  found=$("$kubectl" get configmaps --all-namespaces --selector=pam-operator.io/leftover --output=name | count)
  [[ $found == 0 ]] || printf '%s\n' "$found records of what may be left on appliances remain:" \
    "  kubectl get configmaps --all-namespaces --selector=pam-operator.io/leftover"
}
main
