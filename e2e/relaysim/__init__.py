"""A simulated AT Protocol network: relay, listRepos and labeler, with faults on demand.

It shares no code with the ingester that it tests. It has encoders of its own, which are checked against
the published interoperability vectors of the protocol.
"""
