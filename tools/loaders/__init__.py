"""One loader a library: each opens a checkpoint and gives a role's adapter."""
