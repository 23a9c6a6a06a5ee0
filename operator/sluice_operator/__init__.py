"""The Sluice operator: AT Protocol sources as Kubernetes resources."""
