"""What `proprium …` can do: one command, or one family of commands, a file."""
