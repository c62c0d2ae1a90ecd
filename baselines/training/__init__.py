"""Training of the joint model: loop, loss, state, settings."""
