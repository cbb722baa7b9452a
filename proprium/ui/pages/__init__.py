"""Pages of the web interface, one per file; pages never import each other."""
