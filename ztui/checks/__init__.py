"""The checks: pure functions from a view to findings, one file per row of the maturity model."""
