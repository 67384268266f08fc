"""The transaction user: decides, owns the usages, does no I/O."""
