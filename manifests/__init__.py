"""The ground: what stages exchange (rows in Parquet tables), and what rows point at (media). Knows no stage."""
