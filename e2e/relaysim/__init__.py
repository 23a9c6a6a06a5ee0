"""A simulated AT Protocol network: relay, listRepos and labeler, with faults on demand.

It shares no code with the ingester that it tests: bytes are made here by encoders of their own, and
those are checked against the protocol's published interoperability vectors.
"""
