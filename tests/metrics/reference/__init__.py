"""The independent reference: every number of METRICS.md in plain Python, sharing no code with the product."""
