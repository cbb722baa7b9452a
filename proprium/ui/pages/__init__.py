"""One page a file; pages never import pages."""
