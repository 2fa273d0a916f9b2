"""Where artifacts and data sets are: in this machine's folder, and in a store that several machines share.

Without `artifacts_url` there is no store, and this room does nothing but join paths. Light to import.
"""
