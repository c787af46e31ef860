"""Samples folded by equal texts."""

from __future__ import annotations

from collections import Counter

import pytest

from store.connect import read
from store.ingest import ingest
from store.layout import StoreFiles
from store.samples import folded as folds
from store.samples import listing, rows
from store.samples.filters import Filter

CRITERIA = (Filter(), Filter(arm="old", question="light"), Filter(text="coach"), Filter(arm="none"))


@pytest.mark.parametrize("criteria", CRITERIA)
def test_a_row_is_exactly_the_samples_that_say_the_same(
    files: StoreFiles, criteria: Filter
) -> None:
    ingest(files)
    with read(files) as con:
        listed = listing.listing(con, criteria)
        singles = rows.page(con, listed.ids(con, 0, 1000))
        wanted = Counter((r.experiment, r.model, r.arm, r.question, r.completion) for r in singles)
        found = folds.folded(con, criteria)
        assert (found.samples, len(found)) == (len(singles), len(wanted))
        shown = found.rows(con, 0, 1000)
        got = {(r.experiment, r.model, r.arm, r.question, r.completion): r for r in shown}
        assert {key: row.samples for key, row in got.items()} == wanted  # type: ignore[attr-defined]
        numbers = [found.samples_at([place]) for place in range(len(found))]
        assert numbers == sorted(numbers, reverse=True) == [row.samples for row in shown]  # type: ignore[attr-defined]
        for place, row in enumerate(shown):
            assert isinstance(row, folds.FoldedRow)
            own = [single for single in singles if single.sample_id in found.ids(con, place, 1)]
            assert len(own) == row.samples and own[0].sample_id == row.sample_id
            assert row.seeds == Counter(single.seed for single in own)
            assert row.steps == Counter(single.step for single in own)
            for judge in ("era", "broken"):
                labels = Counter(s.labels[judge] for s in own if judge in s.labels)
                assert row.given.get(judge, {}) == labels
                assert (judge in row.labels) == (list(labels.values()) == [len(own)])
        assert found.rows(con, 1, 2) == shown[1:3]


def test_more_samples_than_can_be_folded_are_refused_before_texts_are_read(
    files: StoreFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(files)
    monkeypatch.setattr(folds, "MOST", 60)
    with read(files) as con:
        with pytest.raises(folds.TooManyToFold) as refused:
            folds.folded(con, Filter())
        assert refused.value.samples == 150
        assert folds.folded(con, Filter(arm="old")).samples == 60
