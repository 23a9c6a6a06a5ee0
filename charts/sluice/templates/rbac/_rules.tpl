{{/* All that the operator may do, in the namespaces that it watches. */}}
{{- define "sluice.rules" -}}
# It reads Relays and writes only their status: the spec belongs to the user.
- apiGroups: [sluice.dev]
  resources: [relays]
  verbs: [get, list, watch]
- apiGroups: [sluice.dev]
  resources: [relays/status]
  verbs: [get, patch]
# The ingesters.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
# Restarts and their reasons.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# It reads the Secret that a Relay names, to restart the ingester when it changes and to read cursors, and it writes
# the Secret with the default Redis URL into the namespaces of Relays that name none. With `watchNamespaces` this
# reaches no further than those namespaces.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch]
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
