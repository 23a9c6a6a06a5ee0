"""A simulated AT Protocol network: relay, listRepos and labeler, with faults on demand.

It shares no code with the ingester that it tests. Its own encoders are checked against the published test vectors of
the protocol.
"""
