"""The plan language, its checker, planners, the router, and the answer."""
