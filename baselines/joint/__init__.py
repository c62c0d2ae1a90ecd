"""The joint model of the paper: two U-Nets that condition each other."""
