"""What no docstring and no table of svbench states of its columns, for docs/metrics.md.

A family is the columns that share a definition. Most of its section comes from the docstrings of
its modules; here is which modules these are, what a value is made of, and the traps: where
implementations differ although they print one name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CLIP: Final = "clip"  # a value is of a clip, that of a set is their mean
PAIR: Final = "clip and its real clip"
SET: Final = "set"
SETS: Final = "set and the real set"


@dataclass(frozen=True, slots=True)
class Family:
    """The columns of one section.

    Parameters
    ----------
    title : str
        of the section
    columns : tuple of str
        names in `svbench.catalog.metrics.METRICS`
    compares : tuple of str
        what a value of each column is made of, or one for all
    of : str
        of what a value is: `CLIP`, `PAIR`, `SET` or `SETS`
    bounds : str
        MODULE:NAME of a constant of svbench.metrics, or what there is in its place
    modules : tuple of str
        below svbench.metrics, whose docstrings define the columns, the first of them the question
    details : tuple of str
        whose docstrings say more: a formula that columns share, what networks and detectors get
    question : str
        in one sentence, where the first docstring does not begin with it (Default value = "")
    cited : tuple of str
        whose references count as well (Default value = none)
    unit : str
        of a value (Default value = "", none)
    parity : tuple of str
        how what docs/parity.md and docs/performance.md compare begins, where its columns rest on it
        (Default value = none)
    traps : tuple of str
        one sentence each
    own : bool
        whether the definition is svbench's own, so that nobody else computes it
    """

    title: str
    columns: tuple[str, ...]
    compares: tuple[str, ...]
    of: str
    bounds: str
    modules: tuple[str, ...]
    details: tuple[str, ...] = ()
    question: str = ""
    cited: tuple[str, ...] = ()
    unit: str = ""
    parity: tuple[str, ...] = ()
    traps: tuple[str, ...] = ()
    own: bool = False

    def compared(self, column: str) -> str:
        """Return what a value of a column is made of."""
        of = self.compares * (len(self.columns) if len(self.compares) == 1 else 1)
        return dict(zip(self.columns, of, strict=True))[column]


SOUND: Final = ("sound",)
PICTURE: Final = ("picture",)
BOTH: Final = ("picture, sound",)
DISTANCE: Final = "0 and more"
UNBIASED: Final = "about 0 and more; negative values are not clipped"
FRECHET: Final = ("Fréchet distance",)
TAGGERS: Final = ("audio_tagging", "networks.panns_inputs", "networks.passt_inputs")
_SMALL_N: Final = (
    "It is biased by about c / N: compare rows of equal counts, or read {0} beside it."
)
_VARIANTS: Final = ("corrected", "tempotokens-2023", "tempotokens-2025")

FAMILIES: Final = (
    Family(
        "DeSync",
        ("desync",),
        BOTH,
        CLIP,
        "desync:BOUNDS",
        ("desync",),
        ("networks.synchformer_inputs",),
        unit="s",
        traps=(
            "Papers print one name for different windows: the first and the last (av-benchmark, "
            "MOVA, FastVideo), all of them (JavisBench), the first alone (AVGen-Bench, "
            "T2AV-Compass), and signed means (Verse-Bench's AV-A). Presets are the unsigned ones.",
            "Clips of less than a window have no value, as the paper's 4-s clips; with `+repeat` "
            "or `+pad` they have one, which is another measure. JavisBench fills to its maximum "
            "length without saying so.",
            "Published code decodes by ffmpeg's `fps` filter, which is neither the nearest frame "
            "nor the latest; another decoder gives other scores, and is on record.",
            "A window's value is a class of a grid, so means of few clips take few values; a mean "
            "of signed offsets is near 0 also where half of the clips are early and half late.",
        ),
    ),
    Family(
        "Synchrony",
        ("synchrony",),
        BOTH,
        CLIP,
        "avalign.synchrony:BOUNDS",
        ("avalign.synchrony",),
        ("avalign.impacts", "avalign.onsets"),
        own=True,
        traps=(
            "Its model of impacts was fitted on the hits of Greatest Hits: of motion without "
            "impacts it says little.",
            "Frames at a low rate hide lags: `impacts+native` judges clips at their own rate.",
            "Its weights of lags are PEAVS's ratings of shifted sound, so it agrees with those by "
            "construction.",
        ),
    ),
    Family(
        "AV-Align",
        tuple(f"av-align-{variant}" for variant in _VARIANTS),
        BOTH,
        CLIP,
        "avalign.score:BOUNDS",
        ("avalign.formulas", "avalign.score"),
        ("avalign.onsets", "avalign.motion"),
        question="Whether sounds begin when the picture moves most.",
        parity=("AV-Align (`published`)",),
        traps=(
            "Clips with many events score high whether or not they belong together: report the "
            "floor of shuffled sounds beside it, or the adjusted form.",
            "Three formulas are printed under one name, and tempotokens-2023 can exceed 1.",
            "The window of a match is a frame to either side, so scores at different frame rates "
            "are not comparable.",
            "The detectors decide the number: MOVA reads sound at 44.1 kHz, the paper tuned its "
            "detectors and gives no values.",
        ),
    ),
    Family(
        "AV-Align, adjusted for chance",
        tuple(f"av-align-adjusted-{variant}" for variant in _VARIANTS),
        BOTH,
        CLIP,
        "avalign.score:ADJUSTED_BOUNDS",
        ("avalign.chance",),
        own=True,
        question="Whether sounds begin when the picture moves most, beyond what chance gives for "
        "as many events.",
        traps=(
            "A strict rhythm fits again when it is shifted by its period: such clips are weak "
            "evidence either way.",
            "Clips without any event are left out: compare the counts of two rows before their "
            "values.",
        ),
    ),
    Family(
        "ImageBind scores",
        ("ib-av", "ib-ta", "ib-tv"),
        ("picture, sound", "caption, sound", "caption, picture"),
        CLIP,
        "imagebind_scores:BOUNDS",
        ("imagebind_scores",),
        ("networks.imagebind_inputs",),
        parity=("ImageBind", "CLIP tokens"),
        traps=(
            "Published code subtracts the mean of each window in place, so overlapping windows "
            "leak into each other: only presets named leaky do so, and those are what JavisBench, "
            "FastVideo and T2AV-Compass print.",
            "av-benchmark, which MOVA follows, samples frames and sound otherwise than ImageBind's "
            "own loader: its numbers are not those of `published`.",
            "It averages over the windows of a clip: it tells what sounds, not when.",
        ),
    ),
    Family(
        "JavisScore and AVHScore",
        ("javisscore", "avhscore"),
        BOTH,
        CLIP,
        "imagebind_scores:BOUNDS",
        ("javisscore",),
        ("networks.javis_inputs",),
        traps=(
            "The windows are those of JavisBench's command line; the defaults of its function are "
            "others.",
            "Windows of two frames or fewer have no JavisScore, where the published code prints "
            "NaN.",
            "Frames count each by itself, so a higher frame rate gives other minima: judge at one "
            "rate.",
            "Published code reads only the first channel of stereo while it subtracts the mean of "
            "both.",
        ),
    ),
    Family(
        "CLAP",
        ("clap",),
        ("caption, sound",),
        CLIP,
        "imagebind_scores:BOUNDS",
        ("clap",),
        ("networks.clap_inputs",),
        cited=("networks.clap_config",),
        traps=(
            "Four checkpoints are printed under one name, and their scores are not comparable; "
            "MS-CLAP, which av-benchmark prints as well, is not here.",
            "A fused checkpoint fed by transformers fuses a single short clip, laion's code does "
            "not: the largest difference of all, and a preset of its own (`htsat-fused-always`).",
            "Published code crops long sound at random, without a seed; here crops are fixed.",
            "Sound at 16 kHz lacks most of the bands that it reads: `+native` keeps them.",
        ),
    ),
    Family(
        "AudioBox aesthetics",
        ("audiobox-ce", "audiobox-cu", "audiobox-pc", "audiobox-pq", "audiobox-mean"),
        SOUND,
        CLIP,
        "none; a scale of listeners",
        ("audiobox",),
        cited=("networks.audiobox_config",),
        traps=(
            "Production complexity (PC) is read in both directions: higher is better in "
            "JavisBench's mean, lower in Verse-Bench's total. Name the preset, or leave PC out.",
            "A window is filled with zeros to its 10 s and normalised as a whole, so a short "
            "clip's scores depend on the padding: compare clips of one length.",
            "Published code asks for bfloat16 and never uses it; scores are of float32.",
        ),
    ),
    Family(
        "KL",
        ("kl",),
        SOUND,
        PAIR,
        "0 and more; in sigmoid form any",
        ("audio_kl",),
        TAGGERS,
        unit="nats",
        traps=(
            "Papers print it in a softmax and a sigmoid form and in either direction; here it is "
            "KL(real || generated), and the sigmoid form, which is no divergence, is a preset.",
            "It asks for the real clip of each request: of other prompts than the real ones there "
            "is no KL. Published code drops clips without a partner without a word.",
            "PaSST reads 10 s, and shorter clips are filled with silence.",
        ),
    ),
    Family(
        "IS",
        ("is",),
        SOUND,
        SET,
        "1 to the number of classes",
        ("inception_score",),
        TAGGERS,
        traps=(
            "It grows with the number of clips, and depends on how they are split into parts.",
            "What is printed beside it elsewhere is the deviation over parts, which is no "
            "interval.",
            "MOVA takes a network of 32 kHz, which is not here.",
        ),
    ),
    Family(
        "FD",
        ("fd",),
        SOUND,
        SETS,
        DISTANCE,
        ("audio_fd",),
        ("frechet", *TAGGERS),
        parity=FRECHET,
        traps=(
            _SMALL_N.format("KAD"),
            "With fewer clips than features published code takes the root of a singular product, "
            "whose value is not exact; here no root is taken.",
            "PaSST reads 10 s: of 4-s clips most of its input is silence, so distances between "
            "them are the smaller for it.",
            "FD by CLAP or AudioCLIP (Verse-Bench, JavisBench) is another distance, and not here.",
        ),
    ),
    Family(
        "FAD",
        ("fad",),
        SOUND,
        SETS,
        DISTANCE,
        ("fad",),
        ("frechet", "networks.vggish_inputs"),
        parity=("FAD", "VGGish", *FRECHET),
        traps=(
            _SMALL_N.format("KAD"),
            "The mean of the sound is kept or subtracted by the package that is used: two presets.",
            "VGGish penalises variety within a class (https://arxiv.org/abs/2602.23958).",
        ),
    ),
    Family(
        "FVD",
        ("fvd",),
        PICTURE,
        SETS,
        DISTANCE,
        ("fvd",),
        ("frechet", "networks.i3d_inputs"),
        parity=("FVD", "I3D", *FRECHET),
        traps=(
            _SMALL_N.format("KVD"),
            "Three files of I3D weights and several ways to choose and resize frames are printed "
            "under one name: a preset is one of them, with its weights.",
            "FastVideo takes whole clips and JavisBench 24 frames over the whole clip; neither is "
            "here.",
        ),
    ),
    Family(
        "KVD and KAD",
        ("kvd", "kad"),
        ("picture", "sound"),
        SETS,
        UNBIASED,
        ("kernel_distance",),
        question="How far generated clips, as a set, are from real ones, at any number of clips.",
        traps=(
            "Rows of one clip count as independent in kadtk, JavisBench and KID; here each mean "
            "is over pairs of different examples, so numbers differ from theirs where a clip has "
            "several rows (`metrics/kernel_variants.py` has theirs).",
            "Two sets of one population scatter about 0: a negative value is no error.",
        ),
    ),
    Family(
        "FVD-inf and FAD-inf",
        ("fvd-inf", "fad-inf"),
        ("picture", "sound"),
        SETS,
        "about 0 and more; negative values are not clipped",
        ("extrapolation",),
        question="What FVD and FAD would be of infinitely many clips.",
        traps=(
            "fadtk's FAD-inf draws with replacement, so it keeps the bias that it is meant to "
            "remove.",
            "It needs more clips than features in its smallest subsets, and is refused below.",
        ),
    ),
    Family(
        "JEDi",
        ("jedi",),
        PICTURE,
        SETS,
        DISTANCE,
        ("jedi",),
        traps=(
            "It keeps the pairs of a row with itself, so it is biased and falls with the number "
            "of clips: compare rows of equal counts.",
            "The published package and V-JEPA's own code differ in a projection of the probe: two "
            "presets.",
            "V-JEPA is not the network of transformers' `VJEPA2Model` "
            "([why](scores-elsewhere.md#jedi-which-network)).",
        ),
    ),
)


def family_of(column: str) -> Family:
    """Return the family of a column, by its name in the table of metrics."""
    (found,) = [family for family in FAMILIES if column in family.columns]
    return found
