"""Short titles of columns: as short as they can be, and different where the whole ones are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from svbench.reports.tables.short_titles import short_titles


def test_the_usual_titles_are_shortened_as_people_shorten_them() -> None:
    titles = (
        "FVD (miniature I3D) ↓",
        "IB-AV (published) ↑",
        "AV-Align (corrected, miniature detectors) ↑",
        "AV-Align (corrected, published detectors) ↑",
        "AV-Align (adjusted, corrected, miniature detectors) ↑",
    )
    assert short_titles(titles) == (
        "FVD ↓",
        "IB-AV ↑",
        "Align mini ↑",
        "Align publ ↑",
        "Align adj mini ↑",
    )


def test_columns_of_2026_can_be_told_by_their_short_titles() -> None:
    titles = [
        "JavisScore (javisbench) ↑",
        "AVHScore (javisbench) ↑",
        "AudioBox CE ↑",
        "AudioBox mean ↑",
        "DeSync (av-benchmark) ↓",
        "JEDi (V-JEPA, videojedi) ↓",
    ]
    expected = ("Javis ↑", "AVH ↑", "AudioBox CE ↑", "AudioBox mean ↑", "DeSync ↓", "JEDi ↓")
    assert short_titles(titles) == expected


def test_a_column_that_is_alone_of_its_name_needs_no_more_than_that() -> None:
    assert short_titles(["AV-Align (tempotokens-2023, published detectors)"]) == ("Align",)


def test_numbers_are_left_out_where_words_tell_columns_apart() -> None:
    titles = [
        "FD (PANNs, 16 kHz) ↓",
        "FD (PaSST, 32 kHz) ↓",
        "IS (Cnn14, 16 kHz)",
        "IS (Cnn14, 32 kHz)",
    ]
    assert short_titles(titles) == ("FD PANNs ↓", "FD PaSST ↓", "IS 16", "IS 32")


def test_what_stands_behind_the_brackets_is_kept() -> None:
    titles = [
        "FAD (audioldm-eval) ↓",
        "FAD (audioldm-eval), halves ↓",
        "FD (PANNs, 16 kHz), halves ↓",
    ]
    assert short_titles(titles) == ("FAD ↓", "FAD, halves ↓", "FD, halves ↓")


def test_words_of_unknown_metrics_are_cut_and_numbered() -> None:
    titles = ["Synchrony (learnedness 1)", "Synchrony (learnedness 2)", "Lip score (wide)"]
    assert short_titles(titles) == ("Sync-1 lear", "Sync-2 lear", "Lip score")


WORD = st.text("abcdeA-(), ↑", min_size=0, max_size=12)


def test_titles_of_a_validation_stay_words() -> None:
    titles = ("undistorted", "Spearman with people", "verdict", "monotone series")
    assert short_titles(titles) == titles


@given(st.lists(WORD, max_size=8))
def test_titles_that_differ_stay_different(titles: list[str]) -> None:
    short = short_titles(titles)
    assert len(short) == len(titles)
    for one, title in zip(short, titles, strict=True):
        assert all((one == other) == (title == t) for other, t in zip(short, titles, strict=True))
