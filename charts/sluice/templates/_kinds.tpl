{{/* Generated from the registry of kinds: `make generate`. */}}

{{/* The plurals of all kinds, separated by commas. */}}
{{- define "sluice.kinds" -}}
relays, labelers
{{- end }}

{{/* The status subresources of all kinds, separated by commas. */}}
{{- define "sluice.kinds.status" -}}
relays/status, labelers/status
{{- end }}

{{/* The names of the CRDs of all kinds, separated by blanks. */}}
{{- define "sluice.kinds.crds" -}}
relays.sluice.dev labelers.sluice.dev
{{- end }}
