"""The Kubernetes API: client, informers, cache, work queue, leader election, event recorder.

Two words are used throughout. A *source* is one of the operator's own resources, such as a Relay. Its *children* are
the objects that the operator makes for it, and their pods. Which kinds these are is handed in: see `watched_kinds`.
"""
