{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* Gives every value that is missing or null its default, as under --reuse-values, which knows no new ones. Every template
     begins with it; whichever comes first completes the values of all. */}}
{{- define "pam-operator.defaults" -}}
{{- include "pam-operator.complete" (list .Values (.Files.Get "files/values.yaml" | fromYaml)) -}}
{{- end -}}

{{/* Completes a map of values, from (list VALUES DEFAULTS). In what Kubernetes gets as it is, null removes a field. */}}
{{- define "pam-operator.complete" -}}
{{- $values := index . 0 -}}
{{- $whole := list "strategy" "resources" "nodeSelector" "podSecurityContext" "securityContext" -}}
{{- range $key, $default := index . 1 -}}
{{- if kindIs "invalid" (index $values $key) -}}
{{- $_ := set $values $key $default -}}
{{- else if and (kindIs "map" $default) (not (has $key $whole)) -}}
{{- include "pam-operator.complete" (list (index $values $key) $default) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A duration in milliseconds. */}}
{{- define "pam-operator.milliseconds" -}}
{{- $zero := toDate "2006-01-02" "2000-01-01" -}}
{{- sub (dateModify . $zero).UnixMilli $zero.UnixMilli -}}
{{- end -}}
