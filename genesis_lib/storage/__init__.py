"""Market data at rest: book rows in Parquet, partitioned by venue, symbol and date, queried by DuckDB."""
