"""Parts of the benchmark of a few clicks; one question each."""
