"""Whether a metric follows people: known distortions, human ratings of them, and how both agree.

- `distortions`: the table of distortions, from those that people rated (`distortions_peavs`, edits
  of a `timeline`) to losses of the picture (`distortions_picture`) and the sound
  (`distortions_sound`).
- `human_scores`: how people rated distorted clips; `condition_means`: means and their draws.
- `agreement`: whether a metric ranks as people do; `noticing`: the mildest level that it notices;
  `monotone`: whether it falls from mild to severe.
- `findings`: what is known of each column, as tables state it.
"""
