"""SQL console components: editor, schema, saved queries, result and chart."""
