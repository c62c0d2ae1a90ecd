"""Whether a metric follows people: known distortions, human ratings of them, and how both agree.

- `distortions`: the table of distortions, from those that people rated (`distortions_peavs`, edits
  of a `timeline`) to losses of the picture (`distortions_picture`) and the sound
  (`distortions_sound`).
- `human_scores`: what people said about distorted clips (the mean opinion scores of PEAVS).
- `condition_means`: means over clips, and over drawn clips; `agreement`: their correlation with
  people's, and its interval.
- `monotone`: whether a metric gets no better from mild to severe; `noticing`: from which level on
  it notices, and people do.
"""
