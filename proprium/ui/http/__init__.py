"""HTTP routes and middleware of the user interface."""
