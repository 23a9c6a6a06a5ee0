"""A real Kubernetes cluster for the demo and the tests: kind where Docker runs, else a local one.

The local cluster is a control plane and one node in namespaces of their own (mount, network, pid and
host name), as kind's node is a container. So nothing clashes with what else runs on the machine, and
when its first process ends, everything in it ends: processes, mounts, interfaces, iptables rules.
"""
