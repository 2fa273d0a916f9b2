"""Methods as data: specs, plans and recipes."""
