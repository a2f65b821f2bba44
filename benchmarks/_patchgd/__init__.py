"""Parts of the benchmark of whole-image labels; one question each."""
