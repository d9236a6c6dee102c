"""Reads every Parquet file of a store with DuckDB and compares it with what the server's SQL answered.

files.py BLOCKS '{"spans": {"by": "service_name, status_code", "sum": "sum(duration_nano)", "rows": [...]}, ...}'
"""

import glob
import json
import sys

import duckdb

blocks, expected = sys.argv[1], json.loads(sys.argv[2])
db = duckdb.connect()
files = sorted(glob.glob(f"{blocks}/*/*/*.parquet"))
assert files, "there are no files"
for path in files:
    # Every column of every row, not only what a count needs.
    (read,) = db.sql(f"select count(*) from read_parquet('{path}') as t where hash(t) is not null").fetchall()[0]
    (told,) = db.sql(f"select sum(num_rows) from (select distinct row_group_id, row_group_num_rows as num_rows from parquet_metadata('{path}'))").fetchall()[0]
    assert read == told, f"{path}: {read} rows read, {told} in the footer"
for dataset, question in expected.items():
    rows = db.sql(
        f"select {question['by']}, count(*) as n, cast({question['sum']} as bigint) as s"
        f" from read_parquet('{blocks}/*/{dataset}/*.parquet', union_by_name=true) group by all order by {question['by']}"
    )
    found = [dict(zip(rows.columns, row)) for row in rows.fetchall()]
    wanted = question["rows"]
    assert len(found) == len(wanted), f"{dataset}: {found} instead of {wanted}"
    for a, b in zip(found, wanted):
        assert all(str(a[key]) == str(b[key]) for key in b), f"{dataset}: {a} instead of {b}"
# A dense key is a plain column.
(dense,) = db.sql(f"select count(\"attributes.route\") from read_parquet('{blocks}/*/spans/*.parquet', union_by_name=true)").fetchall()[0]
assert dense > 0, "attributes.route is no column"
print(f"DuckDB {duckdb.__version__} read {len(files)} files and agrees on {sum(len(question['rows']) for question in expected.values())} groups")
