"""Tables, figures and pages made from result files, and nothing else."""
