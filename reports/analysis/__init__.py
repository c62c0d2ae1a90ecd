"""Statistics of a run: scores per clip, paired differences, ranking, gains on a floor."""
