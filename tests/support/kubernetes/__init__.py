"""Objects, runs and a world of Kubernetes for the tests."""
