"""The queue, the workers and the jobs they run: where computation, queue and database meet."""
