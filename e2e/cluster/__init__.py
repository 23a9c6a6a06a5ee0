"""A real Kubernetes cluster for the demo and the tests: kind where Docker runs, else a local one.

The local cluster is a control plane and one node in separate Linux namespaces: mount, network, pid and host name. It
does not conflict with other programs of the machine. When its first process ends, the kernel removes its processes,
mounts, interfaces and iptables rules.
"""
