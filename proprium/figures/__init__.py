"""Results in, plain Plotly dicts out."""
