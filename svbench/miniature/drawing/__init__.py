"""What the drawn data sets are made of: shapes, sounds, scenes."""
