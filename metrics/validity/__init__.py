"""Whether a metric follows people: known distortions, human ratings of them, and how both agree.

- `distortions`: the table of distortions, from those that people rated (`distortions_peavs`, edits
  of a `timeline`) to losses of the picture (`distortions_picture`) and the sound
  (`distortions_sound`).
- `findings`: what is known of each column, as tables state it.
"""
