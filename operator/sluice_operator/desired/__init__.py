"""Pure functions from a resource to the Kubernetes objects that it should own."""
