"""The comparison as one page that anyone can open."""
