"""Similarity, device actions and statistics: plain functions over plain data."""
