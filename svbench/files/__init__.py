"""What lies on disk, and how it is read, checked and written."""
