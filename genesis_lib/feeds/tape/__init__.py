"""A pass over finished data as a file that may be entered anywhere: events in columns, and the book every so often."""
