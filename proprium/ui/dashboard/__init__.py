"""The dashboard page: state in the URL, queries run in threads, cards drawn on the event loop."""
