"""Everything that reads: clusters, Vault, metrics, logs, alerts, bundles."""
