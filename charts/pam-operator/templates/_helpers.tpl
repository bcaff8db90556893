{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* The name of the product in labels. */}}
{{- define "pam-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The prefix of all names. */}}
{{- define "pam-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name -}}
{{- end -}}
{{- end -}}

{{/* The name of one object, from (list $ SUFFIX). What is too long is cut from the prefix: the suffix tells the objects
     of a release apart. */}}
{{- define "pam-operator.resourceName" -}}
{{- $suffix := index . 1 -}}
{{- $prefix := include "pam-operator.fullname" (index . 0) | trunc (int (sub 62 (len $suffix))) | trimSuffix "-" -}}
{{- printf "%s-%s" $prefix $suffix -}}
{{- end -}}

{{/* The labels of selectors. They are immutable, so there must never be another one. */}}
{{- define "pam-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pam-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "pam-operator.labels" -}}
{{ include "pam-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The metadata of an object, except its namespace, from (list $ SUFFIX [LABELS [ANNOTATIONS]]). */}}
{{- define "pam-operator.metadata" -}}
{{- $root := index . 0 -}}
{{- $labels := dict -}}{{- if gt (len .) 2 -}}{{- $labels = index . 2 | default dict -}}{{- end -}}
{{- $annotations := dict -}}{{- if gt (len .) 3 -}}{{- $annotations = index . 3 | default dict -}}{{- end -}}
name: {{ include "pam-operator.resourceName" . }}
labels:
  {{- include "pam-operator.labels" $root | nindent 2 }}
  {{- with $labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge dict $annotations $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "pam-operator.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "pam-operator.resourceName" (list . "controller-manager")) -}}
{{- end -}}

{{/* The subjects of a binding for the manager. */}}
{{- define "pam-operator.subjects" -}}
- {kind: ServiceAccount, name: {{ include "pam-operator.serviceAccountName" . }}, namespace: {{ .Release.Namespace }}}
{{- end -}}

{{- define "pam-operator.image" -}}
{{- $registry := .Values.global.imageRegistry | default .Values.image.registry -}}
{{- $image := list $registry .Values.image.repository | compact | join "/" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $image .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image (.Values.image.tag | default (printf "v%s" .Chart.AppVersion)) -}}
{{- end -}}
{{- end -}}

{{/* The rules of a generated role, from (list $ FILE [RESOURCES]), without these resources. */}}
{{- define "pam-operator.rules" -}}
{{- $without := list -}}{{- if gt (len .) 2 -}}{{- $without = index . 2 -}}{{- end -}}
{{- $rules := list -}}
{{- range (index . 0).Files.Get (index . 1) | fromYaml | dig "rules" list -}}
{{- $resources := list -}}
{{- range .resources -}}{{- if not (has . $without) -}}{{- $resources = append $resources . -}}{{- end -}}{{- end -}}
{{- if $resources -}}
{{- $rules = append $rules (merge (dict "resources" $resources) .) -}}
{{- else if not .resources -}}
{{- $rules = append $rules . -}}
{{- end -}}
{{- end -}}
{{- toYaml $rules -}}
{{- end -}}

{{/* The resources that the manager gets no rule for: those of a cluster do not belong into a Role. */}}
{{- define "pam-operator.withheld" -}}
{{- $without := list -}}
{{- if .Values.watchNamespaces -}}{{- $without = concat $without (list "managers" "namespaces") -}}
{{- else if not .Values.rbac.readNamespaces -}}{{- $without = append $without "namespaces" -}}{{- end -}}
{{- toJson $without -}}
{{- end -}}

{{/* The Secret with the certificate for the metrics; empty if the manager makes its own. */}}
{{- define "pam-operator.metricsSecret" -}}
{{- if and .Values.metrics.enabled .Values.metrics.secure -}}
{{- if .Values.metrics.tls.secretName -}}
{{- .Values.metrics.tls.secretName -}}
{{- else if .Values.metrics.tls.certManager.enabled -}}
{{- include "pam-operator.resourceName" (list . "metrics-server-cert") -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The host name of the metrics. */}}
{{- define "pam-operator.metricsHost" -}}
{{- printf "%s.%s.svc" (include "pam-operator.resourceName" (list . "controller-manager-metrics-service")) .Release.Namespace -}}
{{- end -}}
