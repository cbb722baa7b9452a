"""The screen on paper: PDF, HTML and Markdown of one query."""
