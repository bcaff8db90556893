{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* The Role and RoleBinding of the manager in a namespace that it watches, from (list $ NAMESPACE). */}}
{{- define "pam-operator.namespaceRole" -}}
{{- $root := index . 0 -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  namespace: {{ index . 1 }}
  {{- include "pam-operator.metadata" (list $root "manager-role") | nindent 2 }}
rules:
  {{- include "pam-operator.rules" (list $root "files/rbac/role.yaml" (include "pam-operator.withheld" $root | fromJsonArray)) | nindent 2 }}
  {{- if $root.Values.rbac.readNamespaces }}
  - {apiGroups: [""], resources: [namespaces], verbs: [get]} # by name: no Role can allow to list them
  {{- end }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  namespace: {{ index . 1 }}
  {{- include "pam-operator.metadata" (list $root "manager-rolebinding") | nindent 2 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ include "pam-operator.resourceName" (list $root "manager-role") }}}
subjects:
  {{- include "pam-operator.subjects" $root | nindent 2 }}
{{- end -}}
