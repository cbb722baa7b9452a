"""Charts: pure functions from query results to plain Plotly figure dicts, and number formatting."""
