"""Media types, the tool contract, roles, loaders, and one expert a file."""
