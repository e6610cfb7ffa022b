"""The life of a request: Agent, graph, executor, pool, journal, store, profiles, command line and notebook."""
