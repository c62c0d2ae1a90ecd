"""The walk: examples -> clips -> features -> scores -> table."""
