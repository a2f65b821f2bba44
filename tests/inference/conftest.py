from tests.threads import several_threads as several_threads
