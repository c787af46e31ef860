"""The columns stand once; migrations, records and parts agree with them."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from store.migrate import MIGRATIONS, migrate
from store.schema import DERIVED, GRADE, KEYS, METRIC, TABLES, in_parts
from wgen_tui.protocol.runs import GradeRow, MetricRow

ARROW = {
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "UBIGINT": pa.uint64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "VARCHAR": pa.string(),
    "TIMESTAMP": pa.timestamp("us"),
    "INTEGER[]": pa.list_(pa.int32()),
    "FLOAT[]": pa.list_(pa.float32()),
}


@pytest.mark.parametrize("table", TABLES)
def test_migrations_make_these_columns(table: str) -> None:
    with duckdb.connect() as con:
        migrate(con)
        rows = con.execute(
            "select column_name, data_type from duckdb_columns() where table_name = ? "
            "order by column_index",
            [table],
        ).fetchall()
    assert {name: ARROW[kind] for name, kind in rows} == {
        field.name: field.type for field in [*TABLES[table], *DERIVED.get(table, ())]
    }
    assert set(KEYS[table]) <= set(TABLES[table].names)


def test_no_two_migrations_share_a_number() -> None:
    names = sorted(path.name for path in MIGRATIONS.glob("*.sql"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


def test_grades_and_metrics_are_the_records_of_the_protocol() -> None:
    assert GRADE.names == list(GradeRow.model_fields)
    metric = ["at" if name == "recorded_at" else name for name in METRIC.names]
    assert metric[1:] == list(MetricRow.model_fields)


@pytest.mark.parametrize("table", TABLES.values())
def test_parts_have_the_same_columns_with_the_zone_named(table: pa.Schema) -> None:
    zoned = in_parts(table)
    assert zoned.names == table.names
    for name in table.names:
        old, new = table.field(name).type, zoned.field(name).type
        assert new == (pa.timestamp("us", tz="UTC") if pa.types.is_timestamp(old) else old)
