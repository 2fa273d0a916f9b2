"""More train dialogues of a persona, made from its own train dialogues: plain functions, the model is handed in.

`make.augment` walks over a persona's train dialogues and asks a way (`rewrite`, `vary`, `synthesis`) for one new
dialogue after another until there are enough; `accept` says which texts will do.
"""
