"""Captions of clips by a video chat model: `svbench caption`.

`settings` states the paper's prompt and model, `model` finds, digests and loads a model of
transformers, `processor` brings frames to its format, `caption` answers for shards of clips,
`journal` and `record` keep what is done, `lists` writes the forms that loaders read, and `write`
walks from clips to the list.
"""
