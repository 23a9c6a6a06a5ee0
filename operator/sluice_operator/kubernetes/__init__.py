"""The Kubernetes API: client, informers, cache, work queue, leader election, event recorder.

A *source* is one of the operator's own resources, such as a Relay. Its *children* are the objects that the operator
creates for it, and their pods. The package does not know which kinds these are: they are passed in as `watched_kinds`.
"""
