{{- define "sluice.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* Short enough for the suffixes that the templates add. */}}
{{- define "sluice.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := include "sluice.name" . }}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Call with (dict "root" $ "component" "operator"). */}}
{{- define "sluice.selectorLabels" -}}
app.kubernetes.io/name: {{ include "sluice.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "sluice.labels" -}}
{{ include "sluice.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "sluice.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "sluice.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name: name the ServiceAccount to use, since serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The Lease for the leader election of the operator's replicas. */}}
{{- define "sluice.leaseName" -}}
{{ include "sluice.fullname" . }}-operator
{{- end }}

{{/* Call with (dict "image" .Values.image "tag" "the default tag"). */}}
{{- define "sluice.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ default .tag .image.tag }}
{{- end }}
{{- end }}

{{- define "sluice.redis.fullname" -}}
{{ include "sluice.fullname" . }}-redis
{{- end }}

{{/* "true" if the release runs its own Redis. */}}
{{- define "sluice.redis.bundled" -}}
{{- $redis := .Values.redis }}
{{- if and $redis.url $redis.existingSecret.name }}
{{- fail "redis.url and redis.existingSecret.name are both set: keep one" }}
{{- end }}
{{- if and $redis.bundled.enabled (not $redis.url) (not $redis.existingSecret.name) -}}
true
{{- end }}
{{- end }}

{{/* The Secret of the bundled Redis, with the keys password and url. */}}
{{- define "sluice.redis.secretName" -}}
{{ default (include "sluice.redis.fullname" .) .Values.redis.auth.existingSecret }}
{{- end }}

{{/* The source of the default URL for an environment variable. Empty if there is none. */}}
{{- define "sluice.redis.urlFrom" -}}
{{- if include "sluice.redis.bundled" . -}}
name: {{ include "sluice.redis.secretName" . }}
key: url
{{- else if .Values.redis.url -}}
name: {{ include "sluice.redis.fullname" . }}
key: url
{{- else if .Values.redis.existingSecret.name -}}
name: {{ .Values.redis.existingSecret.name }}
key: {{ .Values.redis.existingSecret.key }}
{{- end }}
{{- end }}

{{/* What the restricted Pod Security Standard requires of a container. */}}
{{- define "sluice.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Fails if operator.extraEnv has a variable that the chart sets: of two with one name, Kubernetes uses the last. */}}
{{- define "sluice.refuseOwnEnv" -}}
{{- $own := dict
  "LOG_FORMAT" "use operator.logFormat"
  "SLUICE_DEFAULT_REDIS_URL" "use redis"
  "SLUICE_INGESTER_IMAGE" "use image, or spec.image of a resource"
  "SLUICE_INGESTER_IMAGE_PULL_POLICY" "use image.pullPolicy"
  "SLUICE_INGESTER_IMAGE_PULL_SECRETS" "use imagePullSecrets"
  "SLUICE_STATUS_INTERVAL_SECONDS" "use operator.statusIntervalSeconds"
  "SLUICE_WATCH_NAMESPACES" "use watchNamespaces"
}}
{{- range $name := list "POD_NAME" "SLUICE_LEADER_ELECTION" "SLUICE_LEASE_NAME" "SLUICE_LEASE_NAMESPACE" "SLUICE_PORT" }}
{{- $_ := set $own $name "leave it out" }}
{{- end }}
{{- range .Values.operator.extraEnv }}
{{- if hasKey $own .name }}
{{- fail (printf "operator.extraEnv: the chart sets %s itself: %s" .name (get $own .name)) }}
{{- end }}
{{- end }}
{{- end }}
