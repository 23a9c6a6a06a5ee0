{{/* What the operator may do in the namespaces that it watches: only what it uses. */}}
{{- define "sluice.rules" -}}
# It reads the resources of all kinds. It writes only their status, and the finalizer of `deletionPolicy: DeleteCursor`
# into their metadata. There is no smaller right for the latter. It never writes the spec.
- apiGroups: [sluice.dev]
  resources: [{{ include "sluice.kinds" . }}]
  verbs: [list, watch, patch]
- apiGroups: [sluice.dev]
  resources: [{{ include "sluice.kinds.status" . }}]
  verbs: [patch]
# It manages the Deployments of the ingesters.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
# It reads restarts and their reasons from the pods.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# It reads the Secret that a resource names, to read the cursor in its Redis and to restart the ingester when the URL
# changes. If resources of a namespace name no Secret, it creates one there with the default URL, which they share. It
# deletes that when none of them needs it, and deletes the Secrets that older versions created. It can't list Secrets.
# RBAC can't name these Secrets in advance; `watchNamespaces` limits where they can be.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, patch, delete]
# It reads the CA certificates that a resource names in `caBundle`.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
# It reads the Events of a pod that does not start, because they say why. It writes Events on its resources.
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch, list]
# A Lease in each namespace with resources says which release serves it. RBAC can't limit `create` to a name.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [sluice.dev]
  verbs: [get, update, delete]
{{- end }}
