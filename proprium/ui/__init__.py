"""User interface: pages, dashboard, components and SQL console on NiceGUI."""
