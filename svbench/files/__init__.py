"""Files on disk: reading, validation, locking and atomic writing."""
