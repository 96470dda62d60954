"""Files of other makers, each read into typed events or rows by one module."""
