{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* The arguments of the manager. */}}
{{- define "pam-operator.arguments" -}}
{{- if .Values.leaderElection.enabled }}
- --leader-elect
- --leader-elect-lease-duration={{ .Values.leaderElection.leaseDuration }}
- --leader-elect-renew-deadline={{ .Values.leaderElection.renewDeadline }}
- --leader-elect-retry-period={{ .Values.leaderElection.retryPeriod }}
{{- else }}
- --leader-elect=false
{{- end }}
- --health-probe-bind-address=:8081
{{- if .Values.metrics.enabled }}
- --metrics-bind-address=:{{ .Values.metrics.port }}
- --metrics-secure={{ .Values.metrics.secure }}
{{- else }}
- --metrics-bind-address=0
{{- end }}
{{- if include "pam-operator.metricsSecret" . }}
- --metrics-cert-dir=/metrics-certificate
{{- end }}
{{- with .Values.watchNamespaces }}
- --watch-namespaces={{ join "," . }}
{{- end }}
- --namespace-labels={{ .Values.rbac.readNamespaces }}
- --policy-concurrency={{ int .Values.policyConcurrency }}
- --deletion-deadline={{ .Values.deletionDeadline }}
- --blocked-deletion-deadline={{ .Values.blockedDeletionDeadline }}
- --session-recovery-window={{ .Values.sessionRecoveryWindow }}
- --max-answer-memory={{ .Values.maxAnswerMemory }}
- --min-poll-interval={{ .Values.minPollInterval }}
- --max-requests-per-second={{ int .Values.maxRequestsPerSecond }}
{{- with .Values.allowedTargets }}
- {{ printf "--allowed-targets=%s" (join "," .) | quote }}
{{- end }}
{{- with .Values.tracing }}
{{- if .endpoint }}
- {{ printf "--tracing-endpoint=%s" .endpoint | quote }}
- --tracing-insecure={{ .insecure }}
- --tracing-sample-ratio={{ .sampleRatio }}
{{- end }}
{{- end }}
- --zap-log-level={{ .Values.log.level }}
- --zap-encoder={{ .Values.log.encoder }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{/* The environment of the manager. */}}
{{- define "pam-operator.environment" -}}
{{- if dig "limits" "memory" "" .Values.resources }}
# Close to the limit, the manager collects garbage more often instead of being killed.
- name: MEMORY_LIMIT
  valueFrom: {resourceFieldRef: {containerName: manager, resource: limits.memory}}
{{- end }}
{{- if or .Values.trust.configMap .Values.trust.secret }}
- {name: SSL_CERT_DIR, value: /trust}
{{- end }}
{{- with .Values.proxy.https }}
- {name: HTTPS_PROXY, value: {{ . | quote }}}
# The manager's client for the API server obeys these variables, too.
- {name: NO_PROXY, value: {{ list "$(KUBERNETES_SERVICE_HOST)" $.Values.proxy.noProxy | compact | join "," | quote }}}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
