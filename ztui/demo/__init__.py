"""A demo cluster: an OpenShift-like Kubernetes API server on loopback. It shares no code with the product it serves."""
