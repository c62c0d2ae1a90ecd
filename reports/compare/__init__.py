"""Tables of several runs, and tables against golden ones."""
