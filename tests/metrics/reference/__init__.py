"""Every number of METRICS.md once more: slow, obvious, in plain Python, and sharing no code with what it checks."""
