"""Base models, grouped adapters, decoding and embedding."""
