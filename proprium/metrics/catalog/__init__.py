"""The catalog of metrics and dimensions: the only place that names, classifies and defines them."""
