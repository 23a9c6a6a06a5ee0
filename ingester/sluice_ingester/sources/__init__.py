"""Reading from the network: WebSocket subscriptions and listRepos pages. It does not use Redis."""
