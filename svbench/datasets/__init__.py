"""Data sets: each loader turns files on disk into Examples."""
