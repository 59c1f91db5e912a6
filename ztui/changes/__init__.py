"""What changes a cluster or a Vault, and the record of it. An edge: it knows words, facts and judgement."""
