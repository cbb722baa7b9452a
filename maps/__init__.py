"""World and region maps as TopoJSON; independent of proprium."""
