{{/* All that the operator may do, in the namespaces that it watches: exactly what it uses. */}}
{{- define "sluice.rules" -}}
# It reads the resources of all kinds. It writes only their status, and the finalizer of `deletionPolicy: DeleteCursor`
# into their metadata. There is no smaller right for the latter. It never writes the spec.
- apiGroups: [sluice.dev]
  resources: [{{ include "sluice.kinds" . }}]
  verbs: [list, watch, patch]
- apiGroups: [sluice.dev]
  resources: [{{ include "sluice.kinds.status" . }}]
  verbs: [patch]
# The ingesters.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
# Restarts and their reasons.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# It reads the Secret that a resource names, to see the cursor in its Redis and to restart the ingester when the URL
# changes. For a resource that names none it keeps a Secret of its own with the default URL, and removes it when the
# resource names another. It can't list Secrets. RBAC can't name the Secrets beforehand; `watchNamespaces` limits where.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, patch, delete]
# The CAs of a private network, that a resource names in `caBundle`.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
# It reads the Events of an ingester's pod that has waited for some seconds: they tell why it does not start.
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch, list]
# Which release serves the namespace: one Lease says so in each that has resources. RBAC can't limit `create` to a name.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [sluice.dev]
  verbs: [get, update, delete]
{{- end }}
