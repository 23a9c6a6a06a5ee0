"""The Redis side that the operator and all workers share: the contract, the URL, the client, the append."""
