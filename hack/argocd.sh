#!/usr/bin/env bash
# Prints the customizations of config/argocd/resource_customizations, a folder of Argo CD's own format, as a patch of its
# ConfigMap argocd-cm. The folder "_" has the health of all kinds. It is written once for each kind, because Argo CD
# takes a wildcard only from the one key resource.customizations, and a patch of that key would replace what others have
# in it.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../config/argocd/resource_customizations"
export LC_ALL=C

block() { # FILE INDENT
  sed "s/^./$2&/" "$1"
}

cat <<'END'
# SPDX-License-Identifier: Apache-2.0
#
# Generated from resource_customizations: change the scripts there, and run make manifests. What Argo CD has to know of
# our kinds, as a patch of its ConfigMap that touches no other key:
#
#   kubectl patch configmap argocd-cm -n argocd --patch-file argocd-cm.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  namespace: argocd
  labels:
    app.kubernetes.io/name: argocd-cm
    app.kubernetes.io/part-of: argocd # without this label Argo CD ignores the ConfigMap
data:
END
for actions in pam-operator.io/*/actions; do
  kind=${actions%/actions}
  echo "  resource.customizations.health.${kind/\//_}: |"
  block pam-operator.io/_/health.lua '    '
  echo "  resource.customizations.actions.${kind/\//_}: |"
  printf '    mergeBuiltinActions: true\n    discovery.lua: |\n'
  block "$actions/discovery.lua" '      '
  echo '    definitions:'
  for action in "$actions"/*/action.lua; do
    name=${action%/action.lua}
    printf '    - name: %s\n      action.lua: |\n' "${name##*/}"
    block "$action" '        '
  done
done
