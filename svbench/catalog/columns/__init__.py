"""The columns of tables: what an entry of a metric is, and modules that build some of them."""
