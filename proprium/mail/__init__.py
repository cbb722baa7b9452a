"""E-mail: composed from one source as HTML and text, queued in storage, sent by SMTP."""
