"""AV-Align and synchrony: whether sounds begin when something in the picture moves or is stopped.

- `score`: AV-Align of a set of clips, plain and adjusted for chance; `formulas` states its
  variants, `chance` the distribution of a score under circular shifts of the sound.
- `events`: the extractor of onsets (`onsets`) and motion peaks (`motion`, `impacts`), and the named
  presets of detectors; `detector_files` reads others from a file.
- `synchrony`: a score of two trajectories instead of two lists of events.
- `tuning` and `impact_fit`: how detectors are chosen and fitted on annotated hits.
"""
