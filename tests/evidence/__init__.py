"""Evidence bundles: what is captured, what never is, and what a reader refuses."""
