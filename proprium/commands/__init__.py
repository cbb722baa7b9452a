"""Commands of the command line: one command or command group per module."""
