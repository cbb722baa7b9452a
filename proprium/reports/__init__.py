"""Reports: a dashboard exported as PDF, HTML, Markdown, CSV or JSON."""
