"""Market data at rest: rows and level updates in Parquet by venue, symbol and date; rows in PostgreSQL; queries."""
