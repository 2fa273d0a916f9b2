"""Benchmarks: this lab's training and serving against what a user would write with `peft` instead."""
