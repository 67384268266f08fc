"""Who we are and who our peers are: identities, verifiers and OpenSSL contexts."""
