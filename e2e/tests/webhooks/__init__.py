"""Admission webhooks for tests: a server in a pod, behind a Service that the API server calls."""
