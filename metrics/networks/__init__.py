"""Networks that extract features from clips, one per file.

- `i3d`: Inflated 3D ConvNet, for FVD; its input transforms (`i3d_inputs`).
- `vggish`: VGGish, for FAD.
- `imagebind`: ImageBind, for IB-AV, IB-TA and IB-TV, and for JavisScore and AVHScore
  (`javis_inputs`); its modules (`imagebind_parts`), its input transforms (`imagebind_inputs`) and
  its tokenizers (`imagebind_text`).
- `synchformer`: Synchformer, for DeSync; its modules (`synchformer_parts`).
- `panns`, `passt`: taggers of sound, for FD, KL and IS.
- `clap`: CLAP, for the score of its name; its tokenizer (`clap_text`).
- `audiobox`: AudioBox-aesthetics, for the scores of its name.
- `vjepa`: V-JEPA and its probe, for JEDi.

Beside a network lie its sizes, which are read without torch (`*_config`), and its input transforms
(`*_inputs`).

What they share: `loading` (a network loaded once), `batches` (its forward passes), `resampling` of
sound, and square `pictures`.
"""
