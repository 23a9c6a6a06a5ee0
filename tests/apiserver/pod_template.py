"""Values of spec.podTemplate that are refused, with the message for the user, and values that are accepted."""

from typing import Any

HOST = {"host": "relay1.us-east.bsky.network"}
AT = "spec.podTemplate."


def pod(**fields: Any) -> dict[str, Any]:
    return {**HOST, "podTemplate": fields}


def env(name: str = "LOG_LEVEL", **fields: Any) -> dict[str, Any]:
    return pod(env=[{"name": name, **(fields or {"value": "debug"})}])


def env_from(**source: Any) -> dict[str, Any]:
    return env(valueFrom=source)


def toleration(**fields: Any) -> dict[str, Any]:
    return pod(tolerations=[fields])


def spread(**fields: Any) -> dict[str, Any]:
    return pod(topologySpreadConstraints=[{"topologyKey": "kubernetes.io/hostname", **fields}])


def spread_of(**fields: Any) -> dict[str, Any]:
    return spread(labelSelector={"matchExpressions": [{"key": "team", "operator": "In", **fields}]})


def secured(**fields: Any) -> dict[str, Any]:
    return pod(podSecurityContext=fields)


def mount(path: str, **fields: Any) -> dict[str, Any]:
    name = fields.pop("name", "data")
    mounts = [{"name": name, "mountPath": path, **fields}]
    return pod(volumes=[{"name": name, "emptyDir": {}}], volumeMounts=mounts)


INSTEAD = {
    "REDIS_URL": "REDIS_URL can't be set here: use spec.redis.secretRef",
    "SSL_CERT_FILE": "SSL_CERT_FILE and INGESTER_CA_BUNDLE can't be set here: use spec.caBundle",
    "INGESTER_CA_BUNDLE": "SSL_CERT_FILE and INGESTER_CA_BUNDLE can't be set here: use spec.caBundle",
    "INGESTER_RELAY_HOSTS": "INGESTER_RELAY_HOSTS and INGESTER_LABELER_HOSTS can't be set here: use spec.host",
    "INGESTER_LABELER_HOSTS": "INGESTER_RELAY_HOSTS and INGESTER_LABELER_HOSTS can't be set here: use spec.host",
    "INGESTER_KEY_PREFIX": "INGESTER_KEY_PREFIX can't be set here: use spec.redis.keyPrefix",
    "INGESTER_COLLECTIONS": "INGESTER_COLLECTIONS can't be set here: use spec.firehose.collections",
    "INGESTER_SYNC_EVENTS": "can't be set here: use spec.firehose.syncEvents",
    "INGESTER_RESYNC_TO_BACKFILL": "can't be set here: use spec.firehose.resyncToBackfill",
    "INGESTER_DEDUPLICATE_SECONDS": "can't be set here: use spec.firehose.deduplicate",
    "INGESTER_START_FROM": "INGESTER_START_FROM can't be set here: use startFrom of the stream",
    "INGESTER_BACKFILL_RESCAN_SECONDS": "can't be set here: use spec.backfill.rescanIntervalSeconds",
    "INGESTER_ON_PAGE_ERROR": "can't be set here: use spec.backfill.onPageError",
    "INGESTER_ON_CURSOR_LOST": "INGESTER_ON_CURSOR_LOST can't be set here: use spec.onCursorLost",
    "INGESTER_TRIM_CONSUMED": "INGESTER_TRIM_CONSUMED can't be set here: use spec.retention.trimConsumed",
    "INGESTER_HIGH_WATER_MARK": "can't be set here: use spec.backpressure.highWaterMark",
    "INGESTER_BATCH_SIZE": "INGESTER_BATCH_SIZE can't be set here: use spec.batch.size",
    "INGESTER_BATCH_TIMEOUT_MS": "INGESTER_BATCH_TIMEOUT_MS can't be set here: use spec.batch.timeoutMilliseconds",
    "POD_NAME": "POD_NAME, METRICS_PORT and names that begin with INGESTER_ are reserved for the operator: remove them",
    "METRICS_PORT": "POD_NAME, METRICS_PORT and names that begin with INGESTER_ are reserved for the operator",
    "INGESTER_MODE": "names that begin with INGESTER_ are reserved for the operator: remove them",
    "INGESTER_SOMETHING": "names that begin with INGESTER_ are reserved for the operator: remove them",
}

NO_NAME = {"name": ""}
LONG, LONGER = "x" * 254, "x" * 318
TEN = 10_001
WHEN = "ScheduleAnyway"

REFUSED: list[tuple[dict[str, Any], str]] = [
    # labels and annotations
    (pod(labels={"app.kubernetes.io/instance": "mine"}), "identify the pods of ingesters: choose other names"),
    (pod(labels={"sluice.dev/relay": "mine"}), "the labels app.kubernetes.io/name, app.kubernetes.io/instance"),
    (pod(labels={"team": "not a label"}), f"{AT}labels.team in body should match"),
    (pod(labels={"team": "x" * 64}), f"{AT}labels.team: Too long: may not be more than 63 bytes"),
    (pod(labels={f"l{i}": "x" for i in range(33)}), f"{AT}labels: Too many: 33: must have at most 32 items"),
    (
        pod(annotations={"sluice.dev/desired-hash": "x"}),
        "annotations that begin with sluice.dev/ or kubectl.kubernetes",
    ),
    (
        pod(annotations={"kubectl.kubernetes.io/restartedAt": "x"}),
        "To restart an ingester, use `kubectl rollout restart`",
    ),
    (pod(annotations={"note": "x" * 16_385}), f"{AT}annotations.note: Too long: may not be more than 16384 bytes"),
    (pod(annotations={f"a{i}": "x" for i in range(33)}), f"{AT}annotations: Too many: 33: must have at most 32 items"),
    # env
    *((env(name), message) for name, message in INSTEAD.items()),
    *(
        (env(name), "PATH and names that begin with PYTHON or LD_ change which program runs: remove them")
        for name in ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_PRELOAD", "LD_LIBRARY_PATH")
    ),
    *(
        (env("LOG_LEVEL", value=value), "the ingester does not know this LOG_LEVEL: give debug, info, warning or error")
        for value in ("", "verbose", "warn", "debug ")
    ),
    *(
        (env("LOG_FORMAT", value=value), "the ingester does not know this LOG_FORMAT: give json or plain")
        for value in ("text", "JSON")
    ),
    (env(""), f"{AT}env[0].name in body should be at least 1 chars long"),
    (env("9LIVES"), f"{AT}env[0].name in body should match"),
    (env("A" * 129), f"{AT}env[0].name: Too long: may not be more than 128 bytes"),
    (env(value="x" * 32_769), f"{AT}env[0].value: Too long: may not be more than 32768 bytes"),
    (pod(env=[{"value": "debug"}]), f"{AT}env[0].name: Required value"),
    (
        pod(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
        f'{AT}env[1]: Duplicate value: {{"name":"A"}}',
    ),
    (
        pod(env=[{"name": f"V{i}", "value": "x"} for i in range(65)]),
        f"{AT}env: Too many: 65: must have at most 64 items",
    ),
    (pod(env=[{"name": "A"}]), "give a variable either value or valueFrom"),
    (
        env("A", value="x", valueFrom={"fieldRef": {"fieldPath": "spec.nodeName"}}),
        "give a variable either value or valueFrom",
    ),
    (env_from(), "give one of secretKeyRef, configMapKeyRef and fieldRef"),
    (
        env_from(fieldRef={"fieldPath": "spec.nodeName"}, secretKeyRef={"name": "a", "key": "b"}),
        "give one of secretKeyRef, configMapKeyRef and fieldRef",
    ),
    (
        env_from(resourceFieldRef={"resource": "limits.cpu"}),
        'unknown field "spec.podTemplate.env[0].valueFrom.resource',
    ),
    *(
        (env_from(**{kind: {"name": "a", "key": "b", **wrong}}), f"{AT}env[0].valueFrom.{kind}.{message}")
        for kind in ("secretKeyRef", "configMapKeyRef")
        for wrong, message in (
            ({"name": ""}, "name in body should be at least 1 chars long"),
            ({"name": "A_B"}, "name in body should match"),
            ({"name": LONG}, "name: Too long: may not be more than 253 bytes"),
            ({"key": ""}, "key in body should be at least 1 chars long"),
            ({"key": "a/b"}, "key in body should match"),
            ({"key": LONG}, "key: Too long: may not be more than 253 bytes"),
        )
    ),
    (env_from(secretKeyRef={"name": "a"}), f"{AT}env[0].valueFrom.secretKeyRef.key: Required value"),
    (env_from(configMapKeyRef={"name": "a"}), f"{AT}env[0].valueFrom.configMapKeyRef.key: Required value"),
    (env_from(fieldRef={}), f"{AT}env[0].valueFrom.fieldRef.fieldPath: Required value"),
    (env_from(fieldRef={"fieldPath": ""}), "fieldRef.fieldPath in body should be at least 1 chars long"),
    (env_from(fieldRef={"fieldPath": "x" * 401}), "fieldRef.fieldPath: Too long: may not be more than 400 bytes"),
    # placement
    (pod(nodeSelector={"zone": "not a label"}), f"{AT}nodeSelector.zone in body should match"),
    (pod(nodeSelector={"zone": "x" * 64}), f"{AT}nodeSelector.zone: Too long: may not be more than 63 bytes"),
    (pod(nodeSelector={f"l{i}": "x" for i in range(33)}), f"{AT}nodeSelector: Too many: 33: must have at most 32"),
    (toleration(key=""), f"{AT}tolerations[0].key in body should be at least 1 chars long"),
    (toleration(key="a b"), f"{AT}tolerations[0].key in body should match"),
    (toleration(key=LONGER), f"{AT}tolerations[0].key: Too long: may not be more than 317 bytes"),
    (
        toleration(operator="Is"),
        'tolerations[0].operator: Unsupported value: "Is": supported values: "Exists", "Equal"',
    ),
    (toleration(value="a b"), f"{AT}tolerations[0].value in body should match"),
    (toleration(value="x" * 64), f"{AT}tolerations[0].value: Too long: may not be more than 63 bytes"),
    (toleration(effect="Never"), 'supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"'),
    (toleration(tolerationSeconds=-1), "tolerations[0].tolerationSeconds in body should be greater than or equal to 0"),
    (toleration(tolerationSeconds=2**31), "tolerationSeconds in body should be less than or equal to 2147483647"),
    (pod(tolerations=[{"operator": "Exists"}] * 33), f"{AT}tolerations: Too many: 33: must have at most 32 items"),
    (pod(affinity={"nodeAfinity": {}}), 'unknown field "spec.podTemplate.affinity.nodeAfinity"'),
    (pod(topologySpreadConstraints=[{}]), f"{AT}topologySpreadConstraints[0].topologyKey: Required value"),
    (
        pod(topologySpreadConstraints=[{"topologyKey": f"zone{i}"} for i in range(9)]),
        f"{AT}topologySpreadConstraints: Too many: 9: must have at most 8 items",
    ),
    (spread(topologyKey=""), "topologySpreadConstraints[0].topologyKey in body should be at least 1 chars long"),
    (spread(topologyKey="a b"), "topologySpreadConstraints[0].topologyKey in body should match"),
    (spread(topologyKey=LONGER), "topologyKey: Too long: may not be more than 317 bytes"),
    (spread(whenUnsatisfiable="Wait"), 'supported values: "ScheduleAnyway", "DoNotSchedule"'),
    (spread(maxSkew=0), "maxSkew in body should be greater than or equal to 1"),
    (spread(maxSkew=TEN), "maxSkew in body should be less than or equal to 10000"),
    (spread(minDomains=0), "minDomains in body should be greater than or equal to 1"),
    (spread(minDomains=TEN), "minDomains in body should be less than or equal to 10000"),
    (spread(nodeAffinityPolicy="No"), 'nodeAffinityPolicy: Unsupported value: "No": supported values: "Honor"'),
    (spread(nodeTaintsPolicy="No"), 'nodeTaintsPolicy: Unsupported value: "No": supported values: "Honor", "Ignore"'),
    (spread(labelSelector={"matchLabels": {"team": "a b"}}), "labelSelector.matchLabels.team in body should match"),
    (spread(labelSelector={"matchLabels": {"team": "x" * 64}}), "team: Too long: may not be more than 63 bytes"),
    (
        spread(labelSelector={"matchLabels": {f"l{i}": "x" for i in range(33)}}),
        "labelSelector.matchLabels: Too many: 33: must have at most 32 items",
    ),
    (
        spread(labelSelector={"matchExpressions": [{"key": "team", "operator": "Exists"}] * 17}),
        "labelSelector.matchExpressions: Too many: 17: must have at most 16 items",
    ),
    (spread(labelSelector={"matchExpressions": [{"key": "team"}]}), "matchExpressions[0].operator: Required value"),
    (spread_of(key=""), "matchExpressions[0].key in body should be at least 1 chars long"),
    (spread_of(key="a b"), "matchExpressions[0].key in body should match"),
    (spread_of(key=LONGER), "matchExpressions[0].key: Too long: may not be more than 317 bytes"),
    (spread_of(operator="Is"), 'supported values: "In", "NotIn", "Exists", "DoesNotExist"'),
    (spread_of(values=["x"] * 33), "matchExpressions[0].values: Too many: 33: must have at most 32 items"),
    (spread_of(values=["a b"]), "matchExpressions[0].values[0] in body should match"),
    (spread_of(values=["x" * 64]), "matchExpressions[0].values[0]: Too long: may not be more than 63 bytes"),
    (pod(priorityClassName=""), f"{AT}priorityClassName in body should be at least 1 chars long"),
    (pod(priorityClassName="High"), f"{AT}priorityClassName in body should match"),
    (pod(priorityClassName=LONG), f"{AT}priorityClassName: Too long: may not be more than 253 bytes"),
    # image pull secrets, volumes and their mounts
    (pod(imagePullSecrets=[{}]), f"{AT}imagePullSecrets[0].name: Required value"),
    (pod(imagePullSecrets=[NO_NAME]), f"{AT}imagePullSecrets[0].name in body should be at least 1 chars long"),
    (pod(imagePullSecrets=[{"name": "A_B"}]), f"{AT}imagePullSecrets[0].name in body should match"),
    (pod(imagePullSecrets=[{"name": LONG}]), f"{AT}imagePullSecrets[0].name: Too long: may not be more than 253"),
    (pod(imagePullSecrets=[{"name": "a"}] * 2), f'{AT}imagePullSecrets[1]: Duplicate value: {{"name":"a"}}'),
    (pod(imagePullSecrets=[{"name": f"a{i}"} for i in range(17)]), f"{AT}imagePullSecrets: Too many: 17: must have"),
    (pod(volumes=[{"emptyDir": {}}]), f"{AT}volumes[0].name: Required value"),
    (pod(volumes=[{**NO_NAME, "emptyDir": {}}]), f"{AT}volumes[0].name in body should be at least 1 chars long"),
    (pod(volumes=[{"name": "a.b", "emptyDir": {}}]), f"{AT}volumes[0].name in body should match"),
    (pod(volumes=[{"name": "x" * 64, "emptyDir": {}}]), f"{AT}volumes[0].name: Too long: may not be more than 63"),
    (
        pod(volumes=[{"name": "ca-bundle", "emptyDir": {}}]),
        "the name ca-bundle is reserved for the volume of spec.caBundle",
    ),
    (pod(volumes=[{"name": "a", "emptyDir": {}}] * 2), f'{AT}volumes[1]: Duplicate value: {{"name":"a"}}'),
    (pod(volumes=[{"name": f"v{i}", "emptyDir": {}} for i in range(17)]), f"{AT}volumes: Too many: 17: must have at"),
    (pod(volumeMounts=[{"name": "data", "mountPath": "/data"}]), "a mount names a volume that does not exist: add it"),
    (pod(volumeMounts=[{"name": "data"}]), f"{AT}volumeMounts[0].mountPath: Required value"),
    (mount("/data", name=""), f"{AT}volumeMounts[0].name in body should be at least 1 chars long"),
    (mount("/data", name="a.b"), f"{AT}volumeMounts[0].name in body should match"),
    (mount("/data", name="x" * 64), f"{AT}volumeMounts[0].name: Too long: may not be more than 63 bytes"),
    (mount("/data", subPath="x" * 1025), f"{AT}volumeMounts[0].subPath: Too long: may not be more than 1024 bytes"),
    (mount("/" + "x" * 256), f"{AT}volumeMounts[0].mountPath: Too long: may not be more than 256 bytes"),
    *(
        (
            mount(path),
            "give an absolute path such as /etc/redis-tls, without a colon, without . and .., and no / at its",
        )
        for path in ("", "data", "/", "/data/", "/a:b", "/a/../etc/sluice", "/a/./b", "//data", "/..")
    ),
    *(
        (
            mount(path),
            "this path belongs to the ingester or to its system: mount the volume at another path",
        )
        for path in (
            *("/etc", "/opt", "/dev", "/usr"),
            *("/etc/sluice", "/etc/sluice/ca", "/opt/sluice", "/opt/sluice/bin"),
            *("/bin", "/bin/sh", "/sbin", "/lib", "/lib/x86_64-linux-gnu", "/lib32", "/lib64", "/libx32"),
            *(
                "/usr/bin",
                "/usr/sbin",
                "/usr/lib",
                "/usr/lib/ssl",
                "/usr/lib64",
                "/usr/local",
                "/usr/local/lib/python3.13",
            ),
            *("/proc", "/proc/x", "/sys", "/sys/fs"),
        )
    ),
    (
        pod(
            volumes=[{"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}],
            volumeMounts=[{"name": name, "mountPath": "/data"} for name in "ab"],
        ),
        f'{AT}volumeMounts[1]: Duplicate value: {{"mountPath":"/data"}}',
    ),
    (pod(volumeMounts=[{"name": "a", "mountPath": f"/v{i}"} for i in range(17)]), f"{AT}volumeMounts: Too many: 17"),
    # fields of a pod that are reserved for the operator
    (pod(containers=[]), 'unknown field "spec.podTemplate.containers"'),
    (pod(automountServiceAccountToken=True), 'unknown field "spec.podTemplate.automountServiceAccountToken"'),
    (pod(securityContext={"privileged": True}), 'unknown field "spec.podTemplate.securityContext.privileged"'),
    (secured(runAsNonRoot=False), 'unknown field "spec.podTemplate.podSecurityContext.runAsNonRoot"'),
    # names of other objects
    *(
        (pod(**{name: value}), f"{AT}{name}{message}")
        for name in ("runtimeClassName", "schedulerName", "serviceAccountName")
        for value, message in (
            ("", " in body should be at least 1 chars long"),
            ("High", " in body should match"),
            (LONG, ": Too long: may not be more than 253 bytes"),
        )
    ),
    # users and groups
    *(
        (pod(**{context: {name: value}}), f"{AT}{context}.{name} in body should be {message}")
        for context, names in (
            ("podSecurityContext", ("runAsUser", "runAsGroup", "fsGroup")),
            ("securityContext", ("runAsUser", "runAsGroup")),
        )
        for name in names
        for value, message in (
            ((0, "greater than or equal to 1") if name == "runAsUser" else (-1, "greater than or equal to 0")),
            (2**31, "less than or equal to 2147483647"),
        )
    ),
    (secured(supplementalGroups=[-1]), "supplementalGroups[0] in body should be greater than or equal to 0"),
    (secured(supplementalGroups=[2**31]), "supplementalGroups[0] in body should be less than or equal to 2147483647"),
    (secured(supplementalGroups=[1] * 17), f"{AT}podSecurityContext.supplementalGroups: Too many: 17: must have at"),
    (secured(fsGroupChangePolicy="Never"), 'supported values: "Always", "OnRootMismatch"'),
    *(
        (pod(**{context: {profile: value}}), f"{AT}{context}.{profile}.type: {message}")
        for context in ("podSecurityContext", "securityContext")
        for profile in ("seccompProfile", "appArmorProfile")
        for value, message in (
            ({}, "Required value"),
            ({"type": "None"}, 'Unsupported value: "None": supported values: "RuntimeDefault", "Localhost"'),
        )
    ),
    # termination, and names
    (pod(terminationGracePeriodSeconds=14), "terminationGracePeriodSeconds in body should be greater than or equal to"),
    (pod(terminationGracePeriodSeconds=3601), "terminationGracePeriodSeconds in body should be less than or equal to"),
    (pod(dnsPolicy="Some"), 'supported values: "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"'),
    (pod(dnsConfig={"options": [{"value": "5"}]}), f"{AT}dnsConfig.options[0].name: Required value"),
    (pod(hostAliases=[{}]), f"{AT}hostAliases[0].ip: Required value"),
    (
        pod(hostAliases=[{"ip": f"198.51.100.{i}", "hostnames": ["a"]} for i in range(33)]),
        f"{AT}hostAliases: Too many: 33: must have at most 32 items",
    ),
    (
        pod(topologySpreadConstraints=[{"topologyKey": "z"}, {"topologyKey": "z", "whenUnsatisfiable": WHEN}]),
        "two constraints have the same topologyKey and whenUnsatisfiable: merge them",
    ),
    # the Deployment itself
    ({**HOST, "deployment": {"labels": {"team": "a b"}}}, "spec.deployment.labels.team in body should match"),
    ({**HOST, "deployment": {"labels": {"team": "x" * 64}}}, "spec.deployment.labels.team: Too long: may not be more"),
    ({**HOST, "deployment": {"labels": {"sluice.dev/relay": "x"}}}, "identify the pods of ingesters: choose other"),
    (
        {**HOST, "deployment": {"labels": {f"l{i}": "x" for i in range(33)}}},
        "spec.deployment.labels: Too many: 33: must have at most 32 items",
    ),
    (
        {**HOST, "deployment": {"annotations": {f"a{i}": "x" for i in range(33)}}},
        "spec.deployment.annotations: Too many: 33: must have at most 32 items",
    ),
    (
        {**HOST, "deployment": {"annotations": {"note": "x" * 16_385}}},
        "spec.deployment.annotations.note: Too long: may not be more than 16384 bytes",
    ),
    *(
        (
            {**HOST, "deployment": {"annotations": {f"{domain}/x": "y"}}},
            "are reserved for the operator, kubectl and Kubernetes: choose other names",
        )
        for domain in ("sluice.dev", "kubectl.kubernetes.io", "deployment.kubernetes.io")
    ),
]

TAKEN: list[dict[str, Any]] = [
    pod(labels={"team": "moderation", "empty": ""}, annotations={"sidecar.istio.io/inject": "false"}),
    env("LOG_LEVEL", value="WARNING"),
    env("LOG_LEVEL", valueFrom={"configMapKeyRef": {"name": "logs", "key": "level"}}),
    env("LOG_FORMAT", value="plain"),
    env("LOG_FORMAT", value=""),
    env("NO_PROXY", value=""),
    env("path", value="/data"),
    env("HTTPS_PROXY", valueFrom={"secretKeyRef": {"name": "proxy", "key": "url", "optional": True}}),
    env("NODE", valueFrom={"fieldRef": {"fieldPath": "metadata.labels['team']"}}),
    pod(
        nodeSelector={"kubernetes.io/arch": "amd64"}, priorityClassName="high.example", imagePullSecrets=[{"name": "r"}]
    ),
    {**HOST, "deployment": {"labels": {"team": "moderation"}, "annotations": {"example.com/owner": "moderation"}}},
    secured(),
    secured(
        runAsUser=1_000_670_000,
        runAsGroup=0,
        fsGroup=1_000_670_000,
        fsGroupChangePolicy="OnRootMismatch",
        supplementalGroups=[0, 5],
        seLinuxOptions={"level": "s0:c26,c5"},
        seccompProfile={"type": "Localhost", "localhostProfile": "sluice.json"},
        appArmorProfile={"type": "RuntimeDefault"},
    ),
    pod(securityContext={"runAsUser": 1001, "seccompProfile": {"type": "RuntimeDefault"}}),
    pod(
        runtimeClassName="gvisor",
        schedulerName="volcano",
        serviceAccountName="ingester",
        terminationGracePeriodSeconds=60,
        dnsPolicy="None",
        dnsConfig={
            "nameservers": ["198.51.100.53"],
            "searches": ["example"],
            "options": [{"name": "ndots", "value": "1"}],
        },
        hostAliases=[{"ip": "198.51.100.7", "hostnames": ["relay.example"]}],
    ),
    pod(topologySpreadConstraints=[{"topologyKey": "z"}, {"topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}]),
    toleration(operator="Exists"),
    toleration(key="example.com/streaming", operator="Equal", value="x", effect="NoExecute", tolerationSeconds=0),
    pod(affinity={"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}),
    mount("/etc/redis-client", readOnly=True),
    mount("/.hidden/..data/a.b", subPath="x"),
    *(
        mount(path)
        for path in (
            *("/etc/sluiced", "/etc/ssl/certs", "/opt/data", "/dev/shm", "/usr/share/zoneinfo"),  # noqa: S108
            *("/binary", "/library", "/libs", "/process", "/system", "/usr/locale", "/data/usr/local", "/tmp"),  # noqa: S108
        )
    ),
    pod(volumes=[{"name": "a", "projected": {"sources": [{"secret": {"name": "a"}}]}}]),
]
