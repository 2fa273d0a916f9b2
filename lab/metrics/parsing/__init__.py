"""Reading device settings out of sentences: text → items → segments → values → settings."""
