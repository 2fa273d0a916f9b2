"""What the screens read, each in a thread: plain snapshots of the database, with no Textual in them."""
