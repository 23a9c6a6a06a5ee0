"""The kinds of resource: each is declared in one module, and the registry lists them."""
