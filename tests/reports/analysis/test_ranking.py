"""Best and second best are marked where they are known to be, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

from svbench.reports.analysis.ranking import compare_places, marked_places, ranks_of, standings
from tests.factories.results import ALIGN, FVD, clip_values, make_table, with_score

BEST, ONE, CROSS = "cmc-pe-gamma1.5", "cmc-pe-gamma1", "cross-attention-gamma1"


def test_a_place_is_marked_where_the_paired_difference_excludes_zero() -> None:
    # 0.25 more on average. The next two differ by +-0.125 around 0.
    marked = marked_places(standings(make_table(), clip_values()))
    assert {key: place for key, place in marked.items() if key[1] == ALIGN} == {
        (BEST, ALIGN): "best"
    }


def test_the_evidence_holds_what_was_compared_and_how() -> None:
    found = {(c.metric, c.place): c for c in compare_places(make_table(), clip_values())}
    best, second = found[ALIGN, "best"], found[ALIGN, "second"]
    assert (best.system, best.following, second.following) == (BEST, CROSS, ONE)
    assert best.evidence is not None
    assert second.evidence is not None
    assert (best.evidence.value, best.evidence.count) == (0.25, 16)  # 0.375 and 0.125 more
    assert (second.evidence.value, second.stands) == (0.0, False)
    assert found[FVD, "best"].evidence is None


def test_metrics_of_sets_are_marked_where_intervals_do_not_overlap() -> None:
    # 300 [280, 320] is apart from 379 [350, 400], which overlaps 393 [360, 420]
    marked = marked_places(standings(make_table(), clip_values()))
    assert marked[BEST, FVD] == "best"
    assert (CROSS, FVD) not in marked


def test_intervals_that_touch_overlap() -> None:
    touching = with_score(make_table(), BEST, FVD, interval=(280.0, 350.0))
    assert (BEST, FVD) not in marked_places(standings(touching, clip_values()))


def test_a_second_is_worse_than_one_and_better_than_all_others() -> None:
    table = with_score(make_table(), ONE, FVD, value=900.0, interval=(800.0, 999.0))
    assert marked_places(standings(table, clip_values()))[CROSS, FVD] == "second"


def test_two_leaders_that_cannot_be_told_apart_are_both_unmarked() -> None:
    table = with_score(make_table(), ONE, FVD, value=900.0, interval=(800.0, 999.0))
    overlapping = with_score(table, BEST, FVD, value=370.0, interval=(350.0, 390.0))
    marked = marked_places(standings(overlapping, clip_values()))
    assert (BEST, FVD) not in marked
    assert (CROSS, FVD) not in marked
    ranks = ranks_of(standings(overlapping, clip_values()))
    assert [ranks[system, FVD] for system in (BEST, CROSS, ONE)] == [(1, 2), (1, 2), (3, 3)]


def test_sets_of_unequal_size_are_not_ranked() -> None:
    fewer = with_score(make_table(), BEST, FVD, count=15)
    assert (BEST, FVD) not in marked_places(standings(fewer, clip_values()))
    without = with_score(make_table(), BEST, FVD, interval=None)
    assert (BEST, FVD) not in marked_places(standings(without, clip_values()))


def test_reference_rows_do_not_compete() -> None:
    systems = {system for system, _ in marked_places(standings(make_table(), clip_values()))}
    assert systems.isdisjoint({"real", "shuffled"})


def test_a_model_alone_and_the_last_of_a_column_are_never_marked() -> None:
    table = make_table()
    alone = replace(table, rows=tuple(r for r in table.rows if r.system in ("real", BEST)))
    assert compare_places(alone, clip_values()) == ()
    two = replace(table, rows=tuple(r for r in table.rows if r.system in (ONE, BEST)))
    assert marked_places(standings(two, clip_values())) == {
        (BEST, ALIGN): "best",
        (BEST, FVD): "best",
    }


def test_common_requests_that_contradict_the_means_mark_nothing() -> None:
    # the best by its mean, but worse on the only two requests that the next row has, too
    values = clip_values()
    values[BEST, ALIGN] = {"clip-00/0": 0.0, "clip-01/0": 0.0, "other/0": 1.9}
    assert (BEST, ALIGN) not in marked_places(standings(make_table(), values))


def test_rows_without_a_common_request_are_not_marked() -> None:
    values = clip_values()
    values[BEST, ALIGN] = {"other/0": 0.5, "another/0": 0.5}
    assert (BEST, ALIGN) not in marked_places(standings(make_table(), values))
