"""Reusable UI components: buttons, fields, dialogs, panels, tables, chips, notices."""
