"""Audits of finished data, one module for each way in which a format can be proven."""
