"""The measurements, one file a kind of work; each gives claims, rows of a table and samples."""
