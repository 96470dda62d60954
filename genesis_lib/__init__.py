"""Genesis: a research workbench for market microstructure."""

__version__ = "0.1.0"
