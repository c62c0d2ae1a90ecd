"""Files on disk: how they are read, checked, held and written."""
