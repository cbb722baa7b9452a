"""World and regions as TopoJSON; knows nothing of proprium."""
