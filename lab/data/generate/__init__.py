"""A seeded generator of smart-home dialogues between different people and one assistant."""
