"""Metrics of sounding video, and the detectors and networks that extract their features.

One file at the top is one metric: `frechet` (the distance), `fvd`, `fad`, `kernel_distance` (KVD,
KAD; `kernels`, and published definitions in `kernel_variants`), `extrapolation` (FVD-inf, FAD-inf),
`imagebind_scores`.
`avalign` holds AV-Align and synchrony with their detectors, `networks` one network a file,
`miniature` small networks with their weights. `per_clip` is what metrics share that score each clip
by itself.

Modules follow the order of mir_eval: docstring (purpose, conventions, metrics, edge cases,
references), constants, validation, events or features, formulas, and last the class that scores a
set of clips (`svbench.protocols.Metric`).
"""
