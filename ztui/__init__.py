"""ztui: the Zero Trust console for OpenShift and Kubernetes."""

__version__ = "0.1.0"
