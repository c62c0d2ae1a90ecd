"""Networks that extract features from clips, one per file.

- `i3d`: Inflated 3D ConvNet, for FVD; its input transforms (`i3d_inputs`).
- `vggish`: VGGish, for FAD.
- `imagebind`: ImageBind, for IB-AV, IB-TA and IB-TV; its modules (`imagebind_parts`), its input
  transforms (`imagebind_inputs`) and its tokenizers (`imagebind_text`).

What they share: `loading` (a network loaded once) and `batches` (its forward passes).
"""
