"""What svbench validate found, as tables, figures and a page."""
