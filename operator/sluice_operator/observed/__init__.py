"""What is there: pods, Deployments, Secrets and Redis, turned into facts."""
