"""Speed of what makes the miniature's clips, relative to a straightforward implementation.

    pytest --benchmark-only -o python_files=bench_*.py tests/bench_miniature.py

Both are timed in the same run, alternately, by CPU time on one thread; the ratio is in the report's
extra_info. Nothing here asserts a time.
"""

from __future__ import annotations

import time

import librosa
import numpy as np
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from svbench.baselines.miniature.audio_codec import FFT, HOP, ITERATIONS
from svbench.baselines.miniature.griffin_lim import griffin_lim

SAMPLES = 64000
ROUNDS = 5


def test_griffin_lim(benchmark: BenchmarkFixture) -> None:
    random = np.random.default_rng(0)
    sound = random.normal(size=SAMPLES) * np.exp(-np.arange(SAMPLES) % 16000 / 2000)
    magnitudes = np.abs(librosa.stft(sound.astype(np.float32), n_fft=FFT, hop_length=HOP))
    rows = torch.from_numpy(np.ascontiguousarray(magnitudes.T))
    options = {"n_iter": ITERATIONS, "hop_length": HOP, "n_fft": FFT, "length": SAMPLES}
    ratios = []

    def both() -> None:
        begin = time.process_time()
        griffin_lim(rows, SAMPLES, HOP, ITERATIONS)
        middle = time.process_time()
        librosa.griffinlim(magnitudes, random_state=0, **options)
        ratios.append((time.process_time() - middle) / (middle - begin))

    with torch.inference_mode():
        benchmark.pedantic(both, rounds=ROUNDS, warmup_rounds=1)
    benchmark.extra_info["librosa.griffinlim / griffin_lim"] = round(float(np.median(ratios)), 2)
