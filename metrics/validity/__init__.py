"""Validity: whether metrics follow what people hear and see."""
