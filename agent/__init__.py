"""The life of a request: Agent, graph, executor, pool, journal, store, profiles and the faces (command line, notebook)."""
