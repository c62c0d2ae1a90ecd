"""Training of the small networks and systems that ship with svbench."""
