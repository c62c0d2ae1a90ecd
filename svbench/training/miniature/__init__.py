"""Training of the small networks and systems that svbench ships."""
