"""HTTP for every served adapter: requests, callers, answers and problems."""
