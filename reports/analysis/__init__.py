"""What the numbers of a run say: scores per clip, paired differences, places, gains on a floor."""
