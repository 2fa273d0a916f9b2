"""A report of a study: what it says, and how that becomes Markdown, a page and files."""
