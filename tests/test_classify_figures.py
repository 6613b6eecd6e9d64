"""Calibration and figures: against numbers worked by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_math.classify.calibrate import (
    apply_calibration,
    fit_isotonic,
    fit_platt,
)
from cc_math.classify.evaluate import average_precision, label_figures, metrics, roc_auc
from cc_math.classify.features import LAYOUT_FEATURES, document_features, layout_features
from cc_math.classify.heads import (
    check_heads,
    fit_kinds,
    fit_line,
    fit_quality,
    kind_shares,
    line_log_odds,
    quality,
)
from cc_math.classify.selection import selection_figures
from cc_math.errors import ModelError

TRUTH = np.array([True, False, True, False])
SCORES = np.array([0.9, 0.8, 0.7, 0.1])
ONES = np.ones(4)


def test_average_precision_and_auc() -> None:
    assert average_precision(TRUTH, SCORES, ONES) == pytest.approx((1 + 2 / 3) / 2)
    assert roc_auc(TRUTH, SCORES, ONES) == pytest.approx(0.75)


def test_ties_count_as_one_step() -> None:
    same = np.zeros(4)
    assert average_precision(TRUTH, same, ONES) == pytest.approx(0.5)
    assert roc_auc(TRUTH, same, ONES) == pytest.approx(0.5)


def test_weights_act_as_copies() -> None:
    weights = np.array([1.0, 3.0, 2.0, 1.0])
    copies = np.repeat(np.arange(4), weights.astype(int))
    weighted = average_precision(TRUTH, SCORES, weights)
    assert weighted == pytest.approx(
        average_precision(TRUTH[copies], SCORES[copies], np.ones(len(copies)))
    )


def test_metrics_at_a_threshold() -> None:
    figures = metrics([True, False, True, False], SCORES, SCORES, 0.75)
    assert (figures["precision"], figures["recall"], figures["f1"]) == (0.5, 0.5, 0.5)
    assert figures["brier"] == pytest.approx((0.01 + 0.64 + 0.09 + 0.01) / 4)
    empty = metrics([], [], [], 0.5)
    assert empty["average_precision"] == 0.0 and empty["roc_auc"] == 0.5


def test_a_labelled_page_that_was_dropped_scores_zero() -> None:
    labels = {
        "a": {"score": 4.0, "lang": "en"},
        "b": {"score": 5.0, "lang": "fr"},
        "c": {"score": 0.0, "lang": "en"},
    }
    figures = label_figures(labels, {"a": (0.9, 0.8), "c": (0.2, 0.1)}, 3.0, 0.5)
    assert figures["pages_found"] == 2
    assert figures["unweighted"]["recall"] == 0.5
    assert figures["english"]["recall"] == 1.0 and figures["other_languages"]["recall"] == 0.0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=50))
def test_isotonic_and_platt_are_monotone_and_bounded(pairs: list[tuple[float, bool]]) -> None:
    raw, labels = [p for p, _ in pairs], [b for _, b in pairs]
    for calibration in (fit_isotonic(raw, labels), fit_platt(raw, labels)):
        rising = [apply_calibration(calibration, x / 20, {}) for x in range(21)]
        assert all(0 <= value <= 1 for value in rising)
        if calibration["kind"] == "isotonic":
            assert all(a <= b + 1e-9 for a, b in itertools.pairwise(rising))


def test_isotonic_pools_violators() -> None:
    calibration = fit_isotonic([0.1, 0.2, 0.3, 0.4], [False, True, False, True])
    assert calibration["calibrated"] == [0.0, 0.5, 1.0]


def test_features_join_words_and_formulas() -> None:
    formulas = r"$a$ and $b$ `code`"
    features = document_features(formulas, 0.5)
    assert features["formulas"] == pytest.approx(np.log(3))
    assert features["formula_share"] == pytest.approx(6 / 18)
    assert features["code_share"] == pytest.approx(6 / 18)
    assert features["no_formula"] == 0.0 and features["words_alone"] == 0.0
    alone = document_features("words only", 0.9)
    assert alone["no_formula"] == 1.0 and alone["words_alone"] == pytest.approx(np.log(9))


def test_a_line_separates_and_survives_a_missing_feature() -> None:
    rows = [{"formulas": float(n), "words_alone": 0.0} for n in range(20)]
    line = fit_line(("formulas", "words_alone"), rows, [n > 9 for n in range(20)], [1.0] * 20)
    low, high = (line_log_odds(line, {"formulas": n}) for n in (2.0, 18.0))
    assert low < -1.4 < 1.4 < high
    calibration = {"kind": "features", **line}
    assert apply_calibration(calibration, 0.5, {"formulas": 18.0}) > 0.8


def test_quality_rises_with_the_level_and_stays_within_bounds() -> None:
    rows = [{"formulas": n / 10} for n in range(60)]
    lines = fit_quality(("formulas",), rows, [n // 10 for n in range(60)], [1.0] * 60)
    found = [quality(lines, row) for row in rows]
    assert found == sorted(found) and 0 <= found[0] < 0.25 and 0.75 < found[-1] <= 1
    check_heads({"quality": lines}, "here")


def test_kinds_share_one_and_rare_ones_have_no_head() -> None:
    kinds = ["listing"] * 20 + ["exposition"] * 20 + ["qa"]
    rows = [{"length": float(kind == "exposition")} for kind in kinds]
    lines = fit_kinds(("length",), rows, kinds, [1.0] * len(kinds))
    assert set(lines) == {"listing", "exposition"}
    shares = kind_shares(lines, {"length": 1.0})
    assert shares["exposition"] > 0.8 and sum(shares.values()) == pytest.approx(1.0)
    check_heads({"kind": lines}, "here")


@pytest.mark.parametrize(
    "heads",
    [
        [],
        {"other": []},
        {"quality": [{"weights": {}, "bias": 0.0}]},
        {"kind": {"no_such_kind": {"weights": {}, "bias": 0.0}}},
        {"kind": {"qa": {"weights": {"no_such_feature": 1.0}, "bias": 0.0}}},
        {"kind": {"qa": {"weights": {"length": float("nan")}, "bias": 0.0}}},
        {"kind": {"qa": {"weights": {"length": 1.0}}}},
    ],
)
def test_damaged_heads_are_refused(heads: object) -> None:
    with pytest.raises(ModelError, match="train the model again"):
        check_heads(heads, "here")


def test_kinds_become_features_and_long_texts_are_cut() -> None:
    features = document_features("$a$ " * 50_000, 0.5, {"qa": 0.5, "spam": 0.0})
    assert features["kind:qa"] == pytest.approx(0.0) and features["kind:spam"] == -5.0
    assert features["formulas"] == pytest.approx(np.log1p(25_000))


def test_layout_tells_a_worksheet_from_a_list_of_links() -> None:
    sheet = layout_features("# Exercises\n\n1. Is 7 prime?\n2. Is 9 prime?\n\n## Problem set 2\n")
    assert sheet["title_task"] == 1.0
    assert sheet["heading_tasks"] == pytest.approx(np.log1p(2))
    assert sheet["numbered_lines"] == pytest.approx(2 / 7)
    assert sheet["questions"] > 0.0 == sheet["links"] == sheet["code_blocks"]
    links = layout_features("Archive\n" + "- [a post](https://example.org/1)\n" * 9)
    assert links["links"] > 4.0 and links["title_task"] == links["numbered_lines"] == 0.0


@given(st.text(alphabet="\n#1.)?？[](`题Exercise ", max_size=300))
def test_layout_is_finite_for_any_text(text: str) -> None:
    found = layout_features(text)
    assert set(found) == set(LAYOUT_FEATURES)
    assert all(np.isfinite(value) and value >= 0.0 for value in found.values())


def test_selection_by_words_or_by_marks() -> None:
    recall, share = selection_figures(
        ["a", "b", "c", "c"],
        np.array([0.9, 0.0, 0.0, 0.2]),
        np.array([0.0, 5.0, 0.0, 0.0]),
        {u: {"url": u, "score": 4.0, "weight": w} for u, w in (("a", 1.0), ("b", 2.0), ("c", 1.0))},
        floor=0.1,
        min_marks=3,
    )
    assert (recall, share) == (0.75, 0.75)
