"""The demo cluster: that it is the API server it says it is."""
