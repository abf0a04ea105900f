"""The claims of docs/claims.md: what is measured for each, and by which rule it is judged."""
