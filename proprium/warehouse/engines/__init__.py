"""One module per columnar engine."""
