"""The Kubernetes API: client, informers, cache, work queue, leader election, event recorder."""
