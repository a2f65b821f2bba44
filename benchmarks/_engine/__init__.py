"""Parts of the engine's benchmark; one question each."""
